"""One web server: builds its two listeners, serves, drains, stops.

The public listener is what shoppers reach (through a balancer, where there is one); the
private one has metrics, provisioning and audit. On SIGTERM: /health says 404 for
`drain_s`, then nothing new is accepted and what is under way is answered.
"""

import asyncio
import logging
import signal
import sys

import uvloop
from aiohttp import web

from central_baseline.db.database import Database
from central_baseline.db.reading import REPLICA_PATIENCE_S, Reads
from central_baseline.shop.cache import Cache
from central_baseline.shop.selling import Seller
from central_baseline.web.accesslog import AccessLog
from central_baseline.web.bodies import MAX_BATCH_BODY
from central_baseline.web.middleware import around
from central_baseline.web.passwords import Passwords
from central_baseline.web.routes import (
    admin,
    buying,
    health,
    owning,
    pages,
    people,
    shelves,
)
from central_baseline.web.services import SERVICES, Services
from central_baseline.web.sessions import Sessions
from central_baseline.web.settings import WebSettings

KEEP_ALIVE_S = 75.0
SHUTDOWN_S = 10.0
BACKLOG = 1024


def public_app(services: Services) -> web.Application:
    """What shoppers reach."""
    app = web.Application(middlewares=[around], client_max_size=MAX_BATCH_BODY)
    app[SERVICES] = services
    for room in (health, buying, people, shelves, owning):
        room.add_routes(app.router)
    pages.add_routes(app)
    return app


def admin_app(services: Services) -> web.Application:
    """What only the operator reaches."""
    app = web.Application(middlewares=[around], client_max_size=admin.MAX_BODY)
    app[SERVICES] = services
    for room in (health, admin):
        room.add_routes(app.router)
    return app


def make_services(settings: WebSettings) -> Services:
    """The parts of a server; the database is opened by the caller."""
    primary = Database(settings.primary_dsn, settings.connections, settings.name)
    # Commits that wait for a standby hold their connections; readers have their own.
    reading = Database(
        settings.primary_dsn, settings.reading_connections, settings.name
    )
    replicas = [
        Database(dsn, settings.connections, settings.name, REPLICA_PATIENCE_S)
        for dsn in settings.replica_dsns
    ]
    reads = Reads(reading, replicas)
    return Services(
        settings,
        primary,
        reads,
        Seller(primary),
        Sessions(primary, reads),
        Passwords(),
        Cache(settings.cache_address),
        AccessLog(sys.stderr.buffer),
    )


async def serve(settings: WebSettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    services = make_services(settings)
    services.metrics.watch_cache(services.cache)
    watching = asyncio.ensure_future(services.reads.watch())
    runners = [
        await _listen(public_app(services), settings.host, settings.port, settings),
        await _listen(
            admin_app(services), settings.admin_host, settings.admin_port, settings
        ),
    ]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    services.draining = True
    await asyncio.sleep(settings.drain_s)
    for runner in runners:
        await runner.cleanup()
    watching.cancel()
    await services.reads.close()
    await services.primary.close()
    await services.cache.close()
    services.passwords.close()
    services.access_log.flush()


async def _listen(
    app: web.Application, host: str, port: int, settings: WebSettings
) -> web.AppRunner:
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
    )
    await runner.setup()
    site = web.TCPSite(
        runner,
        host,
        port,
        backlog=BACKLOG,
        reuse_port=settings.share_port or None,
    )
    await site.start()
    return runner


def run(settings: WebSettings) -> None:
    """The whole life of a web server process."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    uvloop.run(serve(settings))
