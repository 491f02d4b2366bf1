"""Routes for those who watch over the server: balancer, supervisor, operator."""

from aiohttp import web

from central_baseline.db.outcomes import DatabaseUnavailable, Overloaded
from central_baseline.web.documents import answer
from central_baseline.web.routes.openapi import document
from central_baseline.web.services import services_of


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get("/live", live)
    router.add_get("/ready", ready)
    router.add_get("/health", health)
    router.add_get("/openapi.json", openapi)


async def live(_: web.Request) -> web.Response:
    """The process answers; restarting it would gain nothing."""
    return answer({"live": True})


async def ready(request: web.Request) -> web.Response:
    """The database answers too."""
    try:
        await services_of(request).reads.primary.read("SELECT 1")
    except (DatabaseUnavailable, Overloaded) as error:
        return answer({"ready": False, "because": str(error)}, 503)
    return answer({"ready": True})


async def health(request: web.Request) -> web.Response:
    """For the balancer: 404 takes the server out of rotation without an error."""
    if services_of(request).draining:
        return answer({"draining": True}, 404)
    return answer({"draining": False})


async def openapi(_: web.Request) -> web.Response:
    return answer(document())
