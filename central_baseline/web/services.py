"""What the handlers of one web server share."""

from dataclasses import dataclass, field

from aiohttp import web

from central_baseline.db.database import Database
from central_baseline.shop.selling import Seller
from central_baseline.web.metrics import Metrics
from central_baseline.web.passwords import Passwords
from central_baseline.web.sessions import Sessions
from central_baseline.web.settings import WebSettings


@dataclass
class Services:
    """One of each, made when the server starts."""

    settings: WebSettings
    primary: Database
    seller: Seller
    sessions: Sessions
    passwords: Passwords
    metrics: Metrics = field(default_factory=Metrics)
    draining: bool = False
    in_flight: int = 0


SERVICES = web.AppKey("services", Services)


def services_of(request: web.Request) -> Services:
    return request.app[SERVICES]
