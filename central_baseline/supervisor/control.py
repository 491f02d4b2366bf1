"""The control socket: one JSON line asks, one JSON line answers.

It is how faults are injected and how the rung is looked at; nobody needs a pid. The
socket is the owner's alone (0600). It refuses lines longer than `MAX_LINE` and more
than `MAX_CLIENTS` at once.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from central_baseline.errors import CentralError, UsageError

MAX_LINE = 64 * 1024
MAX_CLIENTS = 32

Handle = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class ControlServer:
    """Serves `handle(op, request)` on a Unix socket."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path = path
        self._handle = handle
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; a socket file that an earlier supervisor left is replaced."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, str(self._path), limit=MAX_LINE
            )
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._clients):
            writer.close()
        self._path.unlink(missing_ok=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            writer.close()
            return
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                reply = await self.answer(line)
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError):
            pass  # too long a line, or a client that left: hang up
        finally:
            self._clients.discard(writer)
            writer.close()

    async def answer(self, line: bytes) -> dict[str, Any]:
        """The reply to one line; every failure is a sentence in it."""
        number: Any = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise UsageError("a request is a JSON object with id and op")
            number = request.get("id")
            return {
                "id": number,
                "ok": True,
                **await self._handle(str(request.get("op")), request),
            }
        except json.JSONDecodeError as error:
            return {"id": number, "ok": False, "error": f"not JSON: {error}"}
        except (CentralError, OSError) as error:
            return {"id": number, "ok": False, "error": str(error)}


async def ask(path: Path, op: str, timeout_s: float = 60.0, **fields: Any) -> Any:
    """One request to a supervisor; CentralError with its words when it refuses."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(
                str(path), limit=MAX_LINE * 16
            )
            try:
                request = {"id": 1, "op": op, **fields}
                writer.write(json.dumps(request).encode() + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise CentralError(f"no supervisor answers at {path}: it is down") from error
    except TimeoutError as error:
        raise CentralError(f"the supervisor did not answer in {timeout_s} s") from error
    if not line:
        raise CentralError("the supervisor hung up without an answer")
    reply = json.loads(line)
    if not reply.get("ok"):
        raise CentralError(str(reply.get("error")))
    return reply
