"""A relay in the middle of a TCP link, for faults where the kernel cannot be asked.

It forwards bytes, and stops, delays or loses them on command. What it is not: a cable.
Its own kernel goes on acknowledging what the sides send, so a sender learns of a cut
only by the silence that follows; and a TCP stream cannot lose bytes, so a lost packet
is what TCP makes of one: everything behind it waits for the retransmission. Results got
through it are labelled "relay", and are compared with a baseline through it as well.

Source: RFC 6298 (retransmission timer: a minimum, doubled at every further loss).
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass

CHUNK_BYTES = 1 << 14
WAITING_CHUNKS_MAX = 256  # per connection and direction; then the sender is held up
RETRANSMISSION_S = 0.2
RETRANSMISSIONS_MAX = 6
CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Weather:
    """How one direction of a link treats bytes now."""

    cut: bool = False
    delay_s: float = 0.0
    loss_share: float = 0.0


FAIR = Weather()


class Direction:
    """One direction of a link, shared by all its connections."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._weather = FAIR
        self._open = asyncio.Event()
        self._open.set()
        self.bytes = 0

    @property
    def weather(self) -> Weather:
        """What holds at this moment."""
        return self._weather

    @weather.setter
    def weather(self, weather: Weather) -> None:
        self._weather = weather
        if weather.cut:
            self._open.clear()
        else:
            self._open.set()

    async def passable(self) -> None:
        """Return at once, or when a cut has been healed."""
        await self._open.wait()

    def held_s(self) -> float:
        """How long the next packet is under way: the delay, and retransmissions."""
        held_s, timer_s = self._weather.delay_s, RETRANSMISSION_S
        for _ in range(RETRANSMISSIONS_MAX):
            if self._random.random() >= self._weather.loss_share:
                break
            held_s += timer_s
            timer_s *= 2
        return held_s


class Relay:
    """Listens in place of a server and forwards to it, both ways."""

    def __init__(self, name: str, host: str, port: int) -> None:
        """`host` and `port` are those of the server; `name` seeds what is lost."""
        self.name = name
        self.forth = Direction(f"{name}/forth")
        self.back = Direction(f"{name}/back")
        self._upstream = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        assert self._server is not None, "start() comes first"
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen on a port that the system chooses."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close every connection and listen no more."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, to its end. A new one cannot get through a cut either."""
        far: asyncio.StreamWriter | None = None
        try:
            await self.forth.passable()
            await self.back.passable()
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                far_reader, far = await asyncio.open_connection(*self._upstream)
            await _first_of(
                _pump(reader, far, self.forth), _pump(far_reader, writer, self.back)
            )
        except (OSError, TimeoutError):
            return  # either side is gone: so is the connection
        finally:
            for side in (writer, far):
                if side is not None:
                    side.close()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction
) -> None:
    """Read, hold for as long as the weather says, write; in order."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_CHUNKS_MAX)

    async def read() -> None:
        while data := await reader.read(CHUNK_BYTES):
            await waiting.put((loop.time() + way.held_s(), data))
        await waiting.put((loop.time() + way.weather.delay_s, b""))

    async def write() -> None:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await way.passable()
            if not data:
                return
            writer.write(data)
            await writer.drain()
            way.bytes += len(data)

    reading = loop.create_task(read())
    try:
        await write()
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await reading


async def _first_of(*works: Coroutine[object, object, None]) -> None:
    """Run until one ends, then end the others; its error is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Relays:
    """All relays of a target, by link; what a partition of components does to them."""

    method = "relay"

    def __init__(self) -> None:
        self._by_link: dict[tuple[str, str], Relay] = {}

    async def insert(self, source: str, target: str, host: str, port: int) -> int:
        """A relay for one link; returns the port that `source` must dial instead."""
        relay = Relay(f"{source}>{target}", host, port)
        await relay.start()
        self._by_link[source, target] = relay
        return relay.port

    def between(self, one: str, other: str) -> list[Relay]:
        """The relays of a pair, whoever dials."""
        pairs = ((one, other), (other, one))
        return [self._by_link[pair] for pair in pairs if pair in self._by_link]

    def split(self, side: set[str]) -> int:
        """Cut every link between these components and all others; how many."""
        return self._apply(
            lambda source, target: (source in side) != (target in side),
            lambda _source, _target: (Weather(cut=True), Weather(cut=True)),
        )

    def silence(self, component: str) -> int:
        """One-way cut: nothing that the component sends arrives any more."""
        return self._apply(
            lambda source, target: component in (source, target),
            lambda source, _target: (
                Weather(cut=source == component),
                Weather(cut=source != component),
            ),
        )

    def worsen(self, component: str, weather: Weather) -> int:
        """The weather on every link of a component, both ways."""
        return self._apply(
            lambda source, target: component in (source, target),
            lambda _source, _target: (weather, weather),
        )

    def heal(self) -> None:
        """Fair weather everywhere."""
        self._apply(lambda *_: True, lambda *_: (FAIR, FAIR))

    async def stop(self) -> None:
        """Close all."""
        await asyncio.gather(*(relay.stop() for relay in self._by_link.values()))

    def _apply(
        self,
        concerns: Callable[[str, str], bool],
        weather: Callable[[str, str], tuple[Weather, Weather]],
    ) -> int:
        count = 0
        for (source, target), relay in self._by_link.items():
            if concerns(source, target):
                relay.forth.weather, relay.back.weather = weather(source, target)
                count += 1
        return count
