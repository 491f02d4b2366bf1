"""The storefront's static files, with what caches on the way need to know.

They are read once at start; each carries a strong ETag, a minute of freshness, and
leave to be shown stale while the shop cannot be reached.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web

CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# Scripts and styles of our own only; nothing may frame the shop.
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
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
    """All files of static/ by name."""
    found = {}
    for entry in files("central_baseline.web").joinpath("static").iterdir():
        suffix = "." + entry.name.rpartition(".")[2]
        if suffix in TYPES:
            body = entry.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            found[entry.name] = Page(body, TYPES[suffix], etag)
    return found


PAGES = web.AppKey("pages", dict[str, Page])


def add_routes(app: web.Application) -> None:
    """`/` and `/static/NAME`."""
    app[PAGES] = load_pages()
    app.router.add_get("/", front_page)
    app.router.add_get("/static/{name}", static_file)


async def front_page(request: web.Request) -> web.Response:
    return _page(request, "index.html")


async def static_file(request: web.Request) -> web.Response:
    return _page(request, request.match_info["name"])


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
