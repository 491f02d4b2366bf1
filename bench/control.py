"""The client of a supervisor's control socket: JSON lines, one answer per request.

This is the only way the bench touches a target's processes. A supervisor that is gone,
slow or refuses is a `ControlError` with its own words, never a hang: each request has a
deadline.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError

ANSWER_BYTES_MAX = 1 << 20
REQUEST_TIMEOUT_MS = 30_000.0


class ControlError(BenchError):
    """The supervisor could not be asked, or refused."""


@dataclass(frozen=True, slots=True)
class ComponentState:
    """One component as the supervisor sees it now. Bytes and CPU count since start,
    incarnations that died included."""

    name: str
    role: str
    state: str
    pid: int | None
    restarts: int
    cpu_seconds: float
    rss_bytes: int
    read_bytes: int
    write_bytes: int
    exit: str | None
    uptime_s: float


class Control:
    """A connection to one control socket. Requests are made one at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()
        self._number = 0

    async def components(self) -> list[ComponentState]:
        """The state of every component."""
        answer = await self.request("list")
        return [_state(item) for item in answer.get("components", [])]

    async def kill(self, component: str, restart_after_s: float | None = None) -> None:
        """kill -9 of the whole process tree. None: restarted by the target's own
        policy; a number: so many seconds later; -1: not until `restart`."""
        await self.request("kill", component=component, restart_after_s=restart_after_s)

    async def pause(self, component: str) -> None:
        """SIGSTOP of the component's process tree."""
        await self.request("pause", component=component)

    async def resume(self, component: str) -> None:
        """SIGCONT of the component's process tree."""
        await self.request("resume", component=component)

    async def restart(self, component: str) -> None:
        """Start a dead component, or restart a running one gracefully."""
        await self.request("restart", component=component)

    async def shutdown(self) -> None:
        """Stop every component and end the supervisor."""
        await self.request("shutdown")

    async def request(self, op: str, **arguments: object) -> dict[str, Any]:
        """Send one request and return its answer; ControlError if it is refused."""
        async with self._lock:
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                    return await self._exchange(op, arguments)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                await self._drop()
                raise ControlError(
                    f"the supervisor at {self.path} does not answer '{op}' "
                    f"({type(error).__name__}); is the target still up?"
                ) from None

    async def close(self) -> None:
        """Close the connection; the target goes on."""
        await self._drop()

    async def _exchange(self, op: str, arguments: dict[str, object]) -> dict[str, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(
                self.path, limit=ANSWER_BYTES_MAX
            )
        reader, writer = self._streams
        self._number += 1
        request = {"id": self._number, "op": op, **arguments}
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the supervisor closed the connection")
        answer = json.loads(line)
        if not isinstance(answer, dict) or answer.get("id") != self._number:
            raise ControlError(f"the supervisor at {self.path} answered out of turn")
        if not answer.get("ok"):
            raise ControlError(
                f"'{op}' was refused: {answer.get('error', 'no reason')}"
            )
        return answer

    async def _drop(self) -> None:
        if self._streams is None:
            return
        writer, self._streams = self._streams[1], None
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            return  # the other end is gone, which is all a close asks for


def _state(item: dict[str, Any]) -> ComponentState:
    return ComponentState(
        name=str(item["name"]),
        role=str(item["role"]),
        state=str(item["state"]),
        pid=item.get("pid"),
        restarts=int(item.get("restarts", 0)),
        cpu_seconds=float(item.get("cpu_seconds", 0.0)),
        rss_bytes=int(item.get("rss_bytes", 0)),
        read_bytes=int(item.get("read_bytes", 0)),
        write_bytes=int(item.get("write_bytes", 0)),
        exit=item.get("exit"),
        uptime_s=float(item.get("uptime_s", 0.0)),
    )
