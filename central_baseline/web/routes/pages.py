"""The storefront's static files, with what caches on the way need to know.

The folder is found through the entry point `shop` of the group `chandlery.pages`. Its
files are read once at start; each carries a strong ETag, a minute of freshness, and
leave to be shown stale while the shop cannot be reached. `/static/config.json` tells
the page which world and rung this is.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from central_baseline.web.services import services_of

if TYPE_CHECKING:
    from pathlib import Path

CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
# Scripts and styles of our own only, requests to nobody else; nothing may frame us.
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True)
class Page:
    """One static file."""

    body: bytes
    content_type: str
    etag: str


def load_pages() -> dict[str, Page]:
    """All files of the storefront by their path below its folder."""
    (entry,) = entry_points(group="chandlery.pages", name="shop")
    folder: Path = entry.load()()
    found = {}
    for path in folder.rglob("*"):
        if path.suffix in TYPES:
            body = path.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            name = path.relative_to(folder).as_posix()
            found[name] = Page(body, TYPES[path.suffix], etag)
    return found


PAGES = web.AppKey("pages", dict[str, Page])


def add_routes(app: web.Application) -> None:
    """`/` and `/static/PATH`."""
    app[PAGES] = load_pages()
    app.router.add_get("/", front_page)
    app.router.add_get("/static/config.json", page_config)
    app.router.add_get("/static/{path:.+}", static_file)


async def front_page(request: web.Request) -> web.Response:
    return _page(request, "index.html")


async def static_file(request: web.Request) -> web.Response:
    return _page(request, "static/" + request.match_info["path"])


async def page_config(request: web.Request) -> web.Response:
    """The same for everybody and every server of a rung, so edges may keep it."""
    return web.Response(
        body=orjson.dumps(services_of(request).settings.page),
        content_type="application/json",
        headers={"Cache-Control": CACHE_CONTROL, **SECURITY},
    )


def _page(request: web.Request, name: str) -> web.Response:
    page = request.app[PAGES].get(name)
    if page is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": CACHE_CONTROL, **SECURITY}
    known = request.if_none_match or ()
    if any(tag.value in {page.etag, "*"} for tag in known):
        response = web.Response(status=304, headers=headers)
    else:
        response = web.Response(
            body=page.body,
            content_type=page.content_type,
            charset="utf-8",
            headers=headers,
        )
    response.etag = page.etag
    return response
