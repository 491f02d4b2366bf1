"""The control socket of a supervisor: JSON lines over a Unix socket, one answer each.

Request {"id": 1, "op": "kill", "component": "node1"} -> {"id": 1, "ok": true} or
{"id": 1, "ok": false, "error": "what is wrong and what to do next"}. Only the owner of
the directory can open it.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

MAX_LINE_BYTES = 64 * 1024
MAX_SOCKET_PATH_BYTES = 100
ANSWER_TIMEOUT_S = 30.0

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class ControlError(Exception):
    """The supervisor refused, or is not there; says what to do next."""

    exit_code = 1


async def serve_control(path: Path, handler: Handler) -> asyncio.Server:
    """Listen on the socket; replaces the file of a supervisor that is gone."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise ControlError(
            f"{path} is too long for a Unix socket: use a directory with a shorter path"
        )
    if path.exists():
        if _is_served(path):
            raise ControlError(
                f"another supervisor runs on {path.parent}: stop it first with "
                f"`chandlery network down {path.parent}`"
            )
        path.unlink()

    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(line, handler)).encode() + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError):
            pass  # an oversized line or a client that went away ends its connection
        finally:
            writer.close()

    server = await asyncio.start_unix_server(client, path, limit=MAX_LINE_BYTES)
    path.chmod(0o600)
    return server


async def _answer(line: bytes, handler: Handler) -> dict[str, Any]:
    request_id = None
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise ControlError("a request is a JSON object with `id` and `op`")
        request_id = request.get("id")
        return {"id": request_id, "ok": True, **await handler(request)}
    except json.JSONDecodeError as error:
        return {"id": request_id, "ok": False, "error": f"not JSON: {error}"}
    except (ControlError, KeyError, TypeError, ValueError, OSError) as error:
        return {"id": request_id, "ok": False, "error": str(error)}


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(os.fspath(path)) == 0


def call_control(path: Path, op: str, **arguments: Any) -> dict[str, Any]:
    """Send one request and return its answer. Raises ControlError."""
    request = {"id": 1, "op": op, **arguments}
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_TIMEOUT_S)
            client.connect(os.fspath(path))
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as lines:
                answer = json.loads(lines.readline() or b"{}")
    except (FileNotFoundError, ConnectionRefusedError):
        raise ControlError(
            f"no supervisor runs on {path.parent}: start one with "
            f"`chandlery network up {path.parent}`"
        ) from None
    except (OSError, ValueError) as error:
        raise ControlError(f"the supervisor does not answer: {error}") from None
    if not answer.get("ok"):
        raise ControlError(str(answer.get("error", "the supervisor went away")))
    return dict(answer)
