"""Pages for people on the JSON-RPC port: what packages publish as `chandlery.pages`.

An entry point's name is where its page lives (`shop`: /shop/), its value a function
that returns a folder with index.html and static/. Files are read once, at the first
start; nothing outside the folder is reachable. `/NAME/static/config.json` is made here:
which chain this is, and what NAME.json in the node's directory adds (for the shop: its
address, left there by `chandlery shop deploy`). `/NAME/static/interfaces.json` has the
contracts' interfaces that packages publish as `chandlery.interfaces` (a function that
gives the usual JSON ABI), by selector and topic, so that a page decodes without keccak.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from node.primitives.keccak import keccak256

GROUP = "chandlery.pages"
INTERFACES = "chandlery.interfaces"
MAX_NOTE_BYTES = 64 * 1024
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
# Scripts and styles of our own only, requests to nobody else, no frames.
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a page."""

    body: bytes
    content_type: str
    etag: str


@cache
def published_pages() -> Mapping[str, Mapping[str, File]]:
    """The files of every page, by the page's name and the path below it."""
    return {
        entry.name: _read_folder(entry.load()()) for entry in entry_points(group=GROUP)
    }


@cache
def published_interfaces() -> Mapping[str, Any]:
    """Contract -> {"functions": {selector: entry}, "events": {topic: entry}}; an entry
    has a name and inputs with their types as signatures write them."""
    return {
        entry.name: _by_selector(entry.load()())
        for entry in entry_points(group=INTERFACES)
    }


def add_pages(
    router: web.UrlDispatcher, facts: Mapping[str, Any], directory: Path | None
) -> None:
    """Mount every published page. `facts` is what config.json says of this node."""
    for name, files in published_pages().items():
        note = None if directory is None else directory / f"{name}.json"
        page = _Page(files, facts, note)
        router.add_get(f"/{name}", page.to_folder)
        router.add_get(f"/{name}/static/config.json", page.config)
        router.add_get(f"/{name}/static/interfaces.json", page.interfaces)
        router.add_get(f"/{name}/{{path:.*}}", page.file)


class _Page:
    """Serves the files of one folder; `note` is read at each request."""

    def __init__(
        self, files: Mapping[str, File], facts: Mapping[str, Any], note: Path | None
    ) -> None:
        self._files = files
        self._facts = facts
        self._note = note

    async def to_folder(self, request: web.Request) -> web.Response:
        """Relative addresses in the page need the slash."""
        query = f"?{request.query_string}" if request.query_string else ""
        raise web.HTTPPermanentRedirect(f"{request.path}/{query}")

    async def file(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["path"] or "index.html")
        if found is None:
            return web.Response(status=404, text="there is no such page\n")
        headers = {"Cache-Control": "no-cache", **SECURITY}
        known = request.if_none_match or ()
        if any(tag.value in {found.etag, "*"} for tag in known):
            response = web.Response(status=304, headers=headers)
        else:
            response = web.Response(
                body=found.body,
                content_type=found.content_type,
                charset="utf-8",
                headers=headers,
            )
        response.etag = found.etag
        return response

    async def config(self, request: web.Request) -> web.Response:
        return _json({**self._facts, **self._left_note()})

    async def interfaces(self, request: web.Request) -> web.Response:
        return _json(published_interfaces())

    def _left_note(self) -> dict[str, Any]:
        """What the operator left; read each time, so that no restart is needed."""
        if self._note is None:
            return {}
        try:
            with self._note.open("rb") as file:
                found = json.loads(file.read(MAX_NOTE_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read: %s", self._note, error)
            return {}
        return {self._note.stem: found}


def _json(document: Any) -> web.Response:
    return web.Response(
        body=orjson.dumps(document),
        content_type="application/json",
        headers={"Cache-Control": "no-store", **SECURITY},
    )


def _by_selector(abi: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    answer: dict[str, dict[str, Any]] = {"functions": {}, "events": {}}
    for item in abi:
        if item["type"] not in ("function", "event"):
            continue
        inputs = [
            {
                "name": given["name"],
                "type": _signature_type(given),
                "indexed": given.get("indexed", False),
            }
            for given in item["inputs"]
        ]
        signature = f"{item['name']}({','.join(str(i['type']) for i in inputs)})"
        digest = "0x" + keccak256(signature.encode()).hex()
        key = digest if item["type"] == "event" else digest[:10]
        answer[item["type"] + "s"][key] = {"name": item["name"], "inputs": inputs}
    return answer


def _signature_type(given: Mapping[str, Any]) -> str:
    kind = str(given["type"])
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_signature_type(part) for part in given["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def _read_folder(folder: Path) -> dict[str, File]:
    files = {}
    for path in sorted(folder.rglob("*")):
        kind = TYPES.get(path.suffix)
        if kind is not None:
            body = path.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            files[path.relative_to(folder).as_posix()] = File(body, kind, etag)
    return files
