"""The links between validators as TCP proxies that tests can cut and slow.

Every node dials every other through a proxy of its own, so each pair has two. A cut
link is silent, as a broken cable is: connections stay open and nothing passes; mending
closes them, so that the nodes dial anew. What passes is TLS from end to end: the proxy
sees only bytes. Held bytes are bounded by the sockets' buffers and CHUNK_BYTES.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536
MAX_DELAYED_CHUNKS = 1_024


@dataclass(eq=False)
class Link:
    """From the node that dials to the one that is dialled, at `host:target_port`."""

    dialler: int
    target: int
    host: str
    target_port: int
    delay_s: float = 0.0
    port: int = 0
    _is_cut: bool = False
    _mended: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self) -> None:
        """Listen on a free port."""
        self._mended.set()
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End the proxy and what passes through it."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._drop()

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes."""
        return self._is_cut

    def cut(self) -> None:
        """Let nothing pass."""
        self._is_cut = True
        self._mended.clear()

    def mend(self) -> None:
        """Let new connections pass; those that were cut are closed."""
        if self._is_cut:
            self._is_cut = False
            self._drop()
            self._mended.set()

    def _drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.append(task)
        self._writers.append(writer)
        try:
            # A connection across a cut link hangs, as it would on a network.
            await self._mended.wait()
            if not writer.transport.is_closing():
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the node behind is gone, or the link is closed
        finally:
            self._tasks.remove(task)
            writer.transport.abort()

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = await asyncio.open_connection(self.host, self.target_port)
        self._writers.append(back)
        ways = [
            asyncio.ensure_future(self._pass_on(reader, back)),
            asyncio.ensure_future(self._pass_on(there, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Bytes in their order, each chunk `delay_s` after it came."""
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_DELAYED_CHUNKS)
        sender = asyncio.ensure_future(self._send(chunks, writer))
        try:
            while data := await reader.read(CHUNK_BYTES):
                await chunks.put((loop.time() + self.delay_s, data))
        except OSError:
            pass
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await sender

    async def _send(
        self,
        chunks: "asyncio.Queue[tuple[float, bytes]]",
        writer: asyncio.StreamWriter,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await chunks.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await self._mended.wait()
            writer.write(data)
            await writer.drain()
