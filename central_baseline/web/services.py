"""What the handlers of one web server share."""

import time
from dataclasses import dataclass, field

from aiohttp import web

from central_baseline.db.database import Database
from central_baseline.db.reading import NOBODY, Readable, Reads
from central_baseline.shop.cache import Cache
from central_baseline.shop.selling import Seller
from central_baseline.web.accesslog import AccessLog
from central_baseline.web.metrics import Metrics
from central_baseline.web.passwords import Passwords
from central_baseline.web.sessions import Sessions
from central_baseline.web.settings import WebSettings


@dataclass
class Services:
    """One of each, made when the server starts."""

    settings: WebSettings
    primary: Database
    reads: Reads
    seller: Seller
    sessions: Sessions
    passwords: Passwords
    cache: Cache
    access_log: AccessLog
    metrics: Metrics = field(default_factory=Metrics)
    draining: bool = False
    in_flight: int = 0


SERVICES = web.AppKey("services", Services)


WRITTEN = "X-Written"  # milliseconds since the epoch of the client's last write
WRITTEN_COOKIE = "written"


def reader_of(request: web.Request, account_id: int = NOBODY) -> Readable:
    """Where this request reads; see db/reading.py for what it may see."""
    said = request.headers.get(WRITTEN) or request.cookies.get(WRITTEN_COOKIE)
    ago_s = None
    if said is not None and said.isascii() and said.isdigit() and len(said) < 16:
        ago_s = max(0.0, time.time() - int(said) / 1000)
    return services_of(request).reads.reader(account_id, ago_s)


def services_of(request: web.Request) -> Services:
    return request.app[SERVICES]
