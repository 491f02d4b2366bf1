"""All generators together, driven as if they were one.

For every trial: each generator provisions its shard's customers (one after another:
they may be paid from the same purse), the clocks are compared, all begin at one moment,
and at the end the samples are fetched and merged. A generator that is lost ends the
trial with that as its reason; nothing is measured with fewer than were asked for.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bench.adapters.contract import Progress as Tell
from bench.crew.clocks import Offset, Ping, offset_of
from bench.crew.duty import Done, Duty, Hello, Prepared, Progress
from bench.errors import BenchError

PINGS = 25
ANSWER_TIMEOUT_S = 30.0
PREPARE_TIMEOUT_S = 600.0
T = TypeVar("T")


class Member(Protocol):
    """A generator as the crew reaches it: CrewGenerator, here or far away."""

    def hello(self) -> Awaitable[Hello]: ...
    def now(self) -> Awaitable[tuple[int, int]]: ...
    def prepare(self, duty: Duty) -> Awaitable[Prepared]: ...
    def run(self, start_ns: int) -> Awaitable[Done]: ...
    def progress(self) -> Awaitable[Progress]: ...
    def close_doors(self) -> Awaitable[None]: ...
    def read(self, name: str, offset: int) -> Awaitable[bytes]: ...
    def finish(self) -> Awaitable[None]: ...
    def close(self) -> Awaitable[None]: ...


class Crew:
    """The generators of a run, for one trial after another."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = list(members)
        self._hellos: list[Hello] = []

    def __len__(self) -> int:
        return len(self._members)

    async def greet(self, own_version: str) -> None:
        """Learn who they are; BenchError if one has another version than we have."""
        self._hellos = await self._all(
            [_soon(m.hello(), ANSWER_TIMEOUT_S) for m in self._members]
        )
        for number, hello in enumerate(self._hellos, 1):
            if hello.version != own_version:
                raise BenchError(
                    f"generator {number} has chandlery {hello.version}, this is "
                    f"{own_version}: install the same everywhere"
                )

    async def prepare(self, duty: Duty, tell: Tell) -> list[Prepared]:
        """Every generator connected, its customers provisioned."""
        found = []
        for shard, member in enumerate(self._members):
            tell(f"generator {shard + 1} of {len(self)} provisions its customers")
            own = replace(duty, shard=shard, shards=len(self))
            try:
                found.append(await _soon(member.prepare(own), PREPARE_TIMEOUT_S))
            except BenchError as error:
                raise BenchError(f"generator {shard + 1}: {error}") from None
        return found

    async def offsets(self) -> list[Offset]:
        """How far each generator's clock is from ours."""
        return [offset_of(await _pings(member)) for member in self._members]

    async def run(self, starts_ns: Sequence[int], timeout_s: float) -> list[Done]:
        """Run all shards, each from its own moment of its own clock."""
        pairs = zip(self._members, starts_ns, strict=True)
        return await self._all(
            [_soon(member.run(start_ns), timeout_s) for member, start_ns in pairs]
        )

    async def progress(self) -> Progress:
        """How far they are, all together."""
        found = await self._all(
            [_soon(m.progress(), ANSWER_TIMEOUT_S) for m in self._members]
        )
        return Progress(
            sum(progress.done for progress in found),
            sum(progress.unserved for progress in found),
            sum(progress.late for progress in found),
        )

    async def close_doors(self) -> None:
        """Let nobody else in."""
        await self._all(
            [_soon(m.close_doors(), ANSWER_TIMEOUT_S) for m in self._members]
        )

    async def fetch(self, done: Sequence[Done], root: Path) -> list[Path]:
        """Every generator's files, each generator's in a folder of its own."""
        folders = []
        for shard, (member, facts) in enumerate(zip(self._members, done, strict=True)):
            folder = root / f"generator-{shard + 1}"
            folder.mkdir()
            for name, size in facts.files.items():
                await _fetch(member, name, size, folder)
            folders.append(folder)
        return folders

    async def finish(self) -> None:
        """The trial is over, or given up: nobody holds on to the target. Whoever is
        lost has let go as well."""
        calls = [_soon(m.finish(), ANSWER_TIMEOUT_S) for m in self._members]
        await asyncio.gather(*calls, return_exceptions=True)

    async def close(self) -> None:
        """The run is over."""
        calls = [_soon(m.close(), ANSWER_TIMEOUT_S) for m in self._members]
        await asyncio.gather(*calls, return_exceptions=True)

    def facts(
        self, offsets: Sequence[Offset], done: Sequence[Done]
    ) -> list[dict[str, Any]]:
        """What is kept of each generator with a trial."""
        return [
            {
                "cpu": hello.cpu,
                "cores": hello.cores,
                "python": hello.python,
                "clock_offset_ms": offset.wall_ms,
                "clock_known_to_ms": offset.known_to_ms,
                "scheduling": ended.scheduling,
                "load": asdict(ended.load),
            }
            for hello, offset, ended in zip(self._hellos, offsets, done, strict=True)
        ]

    async def _all(self, calls: Sequence[Awaitable[T]]) -> list[T]:
        """All answers, or the first error with the number of the one who had it."""
        tasks = [asyncio.ensure_future(call) for call in calls]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for number, task in enumerate(tasks, 1):
                if task.done() and (error := task.exception()) is not None:
                    if isinstance(error, BenchError):
                        raise BenchError(f"generator {number}: {error}")
                    raise error
            return [task.result() for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _pings(member: Member) -> list[Ping]:
    found = []
    for _ in range(PINGS):
        asked_ns = time.monotonic_ns()
        theirs = await _soon(member.now(), ANSWER_TIMEOUT_S)
        wall_ns = time.time_ns()  # before the end, so that a stall here counts as well
        found.append(Ping(asked_ns, time.monotonic_ns(), wall_ns, *theirs))
    return found


async def _fetch(member: Member, name: str, size: int, folder: Path) -> None:
    with (folder / Path(name).name).open("wb") as file:
        while file.tell() < size:
            piece = await _soon(member.read(name, file.tell()), ANSWER_TIMEOUT_S)
            if not piece:
                raise BenchError(f"{name} ended after {file.tell()} of {size} bytes")
            file.write(piece)


async def _soon(call: Awaitable[T], timeout_s: float) -> T:
    """The answer; a generator that is lost or silent is a BenchError."""
    try:
        async with asyncio.timeout(timeout_s):
            return await call
    except TimeoutError:
        raise BenchError(f"no answer within {timeout_s:g} s") from None
    except (OSError, ValueError) as error:
        raise BenchError(f"it is lost: {error}") from None
