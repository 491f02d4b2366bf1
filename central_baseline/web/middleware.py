"""Around every request: limits, refusals as JSON, a log line, counts.

The promise: an answer to everything, an unexpected error included (500, logged with its
traceback, told to nobody else). Past `MAX_IN_FLIGHT` requests at once the next is
refused at the door: a queue would only make everybody late.
"""

import logging
import os
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from central_baseline.db.outcomes import (
    DatabaseUnavailable,
    OutcomeUnknown,
    Overloaded,
)
from central_baseline.web.documents import answer
from central_baseline.web.refusals import (
    RETRY_AFTER_S,
    Refusal,
    outcome_refusal,
)
from central_baseline.web.services import WRITTEN, WRITTEN_COOKIE, services_of
from central_baseline.web.sessions import ACCOUNT, COOKIE, SAFE_METHODS

MAX_IN_FLIGHT = 1000
REQUEST_ID = "X-Request-Id"
MAX_REQUEST_ID = 64
PROBES = frozenset({"/health", "/live", "/ready"})  # asked twice a second, not logged

ERROR_LOG = logging.getLogger("chandlery.web")

_HTTP_REASONS = {404: "no_such_page", 405: "method_not_allowed", 413: "body_too_large"}


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The one middleware of the web tier."""
    services = services_of(request)
    began = time.perf_counter()
    request_id = _request_id(request)
    services.in_flight += 1
    try:
        if services.in_flight > MAX_IN_FLIGHT:
            raise Refusal(
                503,
                "overloaded",
                "too many requests at once; nothing was done",
                {"Retry-After": RETRY_AFTER_S},
            )
        response = await handler(request)
    except Refusal as refusal:
        response = _refused(refusal)
    except (DatabaseUnavailable, OutcomeUnknown, Overloaded) as outcome:
        told = outcome_refusal(outcome)
        ERROR_LOG.warning("%s: %s", told.reason, outcome)
        response = _refused(told)
    except web.HTTPException as error:
        reason = _HTTP_REASONS.get(error.status, "refused")
        response = _refused(Refusal(error.status, reason, error.reason))
    except Exception:
        # The last resort: whatever it is, the client gets an answer and we a trace.
        ERROR_LOG.exception("unexpected error, request %s", request_id)
        response = _refused(Refusal(500, "internal_error", "our mistake; it is logged"))
    finally:
        services.in_flight -= 1
    response.headers[REQUEST_ID] = request_id
    _note_write(request, response)
    if services.draining:
        response.force_close()
    _account_for(request, response, request_id, time.perf_counter() - began)
    return response


def _refused(refusal: Refusal) -> web.Response:
    document = {"error": {"reason": refusal.reason, "message": refusal.message}}
    response = answer(document, refusal.status)
    response.headers.update(refusal.headers)
    return response


def _note_write(request: web.Request, response: web.StreamResponse) -> None:
    """Let the writer's next reads see the write, on this server and on others."""
    reads = services_of(request).reads
    if not reads.has_replicas or request.method in SAFE_METHODS:
        return
    # A failure may still have written, such as a commit of unknown outcome.
    if ACCOUNT in request:
        reads.wrote(request[ACCOUNT])
    now_ms = str(int(time.time() * 1000))
    response.headers[WRITTEN] = now_ms
    if COOKIE in request.cookies and isinstance(response, web.Response):
        response.set_cookie(WRITTEN_COOKIE, now_ms, httponly=True, samesite="Lax")


def _account_for(
    request: web.Request, response: web.StreamResponse, request_id: str, seconds: float
) -> None:
    services = services_of(request)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    services.metrics.count(request.method, route, response.status, seconds)
    services.metrics.in_flight.set(services.in_flight)
    if route not in PROBES:
        line = {
            "at": time.time(),
            "server": services.settings.name,
            "request": request_id,
            "method": request.method,
            "route": route,
            "status": response.status,
            "ms": round(seconds * 1000, 3),
        }
        services.access_log.add(line)


def _request_id(request: web.Request) -> str:
    """The caller's id where it is a plain word, else one of ours."""
    given = request.headers.get(REQUEST_ID, "")
    if 1 <= len(given) <= MAX_REQUEST_ID and given.replace("-", "").isalnum():
        return given
    return os.urandom(8).hex()
