"""One fault after another on a running target, each begun and ended by hand.

The injector follows a scenario's clock; here the course of things decides when a fault
ends (a lesson, the matrix of single points of failure). A fault is of one component; a
`split` is between the components named, joined by "+", and all others. Processes are
reached through the supervisor; links by the kernel where components have cgroups, else
by the relays that were put in before the start. What cannot be done here says why, and
is reported as not run.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bench.control import Control, ControlError
from bench.errors import BenchError
from bench.faults.brokendisk import BrokenDisk
from bench.faults.brokendisk import unavailable as no_strace
from bench.faults.cgroups import Cgroups
from bench.faults.injector import LOSS_SHARE
from bench.faults.kernel import Way
from bench.faults.relay import Relays, Weather
from bench.faults.smalldisk import SmallDisk

PROCESS_FAULTS = ("kill", "pause")
LINK_FAULTS = ("partition", "split", "one-way", "loss", "delay")
DISK_FULL = "disk-full"
FSYNC_ERROR = "fsync-error"
KINDS = (*PROCESS_FAULTS, *LINK_FAULTS, DISK_FULL, FSYNC_ERROR)
DELAY_S = 0.1
POLL_S = 0.1
RUNNING_TIMEOUT_S = 90.0


class NotRun(BenchError):
    """This fault cannot be had on this target or machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Means:
    """What faults can be made with: links need one of the two."""

    control: Control
    cgroups: Cgroups | None = None
    relays: Relays | None = None
    no_links: str = "nothing was put into the links"
    ports: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Where others reach a component, for cutting links one by one."""
    disks: Mapping[str, SmallDisk] = field(default_factory=dict)


class Saboteur:
    """Begins one fault at a time and ends it."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._under_way: tuple[str, str] | None = None
        self._broken: BrokenDisk | None = None

    def method(self, kind: str) -> str:
        """By what this kind of fault is made here; NotRun with the reason if not."""
        means = self._means
        if kind in PROCESS_FAULTS:
            return "supervisor"
        if kind == DISK_FULL:
            if means.disks:
                return "small disk"
            raise NotRun("only validators can be put on small disks, and only by root")
        if kind == FSYNC_ERROR:
            if (why := no_strace()) is not None:
                raise NotRun(why)
            return "strace"
        if means.cgroups is not None and kind != "delay":
            return means.cgroups.method
        if means.relays is not None:
            return means.relays.method
        if means.cgroups is not None:
            raise NotRun("delay takes a relay, and none was put into this target")
        raise NotRun(means.no_links)

    async def begin(self, kind: str, component: str) -> str:
        """Inject it; returns the method. NotRun if it cannot be done here."""
        assert self._under_way is None, "one fault at a time"
        method = self.method(kind)
        try:
            await self._begin(kind, component, method)
        except BenchError as error:
            raise NotRun(str(error)) from None
        self._under_way = (kind, component)
        return method

    async def end(self) -> None:
        """Undo it: start the dead, resume the paused, heal the links; then wait until
        the supervisor sees every component running."""
        if self._under_way is None:
            return
        (kind, component), self._under_way = self._under_way, None
        if kind == "pause":
            await self._means.control.resume(component)
        elif kind == "kill":
            # It may take longer than an answer may: then the state tells.
            with suppress(ControlError):
                await self._means.control.restart(component)
        elif kind == DISK_FULL:
            self._means.disks[component].free()
        elif kind == FSYNC_ERROR:
            await self._mend(component)
        else:
            for means in (self._means.cgroups, self._means.relays):
                if means is not None:
                    means.heal()
        await self._running()

    async def _begin(self, kind: str, component: str, method: str) -> None:
        control, cgroups, relays = (
            self._means.control,
            self._means.cgroups,
            self._means.relays,
        )
        if kind == "kill":
            # It stays down until `end`: who restarts it at once hides what it is for.
            await control.kill(component, -1)
        elif kind == "pause":
            await control.pause(component)
        elif kind == DISK_FULL:
            if component not in self._means.disks:
                raise NotRun(f"'{component}' has no small disk")
            await asyncio.to_thread(self._means.disks[component].fill)
        elif kind == FSYNC_ERROR:
            self._broken = await BrokenDisk.under(await self._pid(component))
        elif method == "kernel":
            assert cgroups is not None
            self._filter(cgroups, kind, component)
        else:
            assert relays is not None
            self._worsen(relays, kind, component)

    async def _pid(self, component: str) -> int:
        for state in await self._means.control.components():
            if state.name == component and state.pid is not None:
                return state.pid
        raise NotRun(f"'{component}' has no process now")

    async def _mend(self, component: str) -> None:
        """Let fsync succeed again, and start what ended of its failure for good."""
        broken, self._broken = self._broken, None
        assert broken is not None, "it was broken before"
        await broken.mend()
        for state in await self._means.control.components():
            if state.name == component and state.state == "dead":
                with suppress(ControlError):
                    await self._means.control.restart(component)

    def _filter(self, cgroups: Cgroups, kind: str, component: str) -> None:
        match kind:
            case "partition":
                cgroups.isolate(component)
            case "split":
                self._split(cgroups, set(component.split("+")))
            case "one-way":
                cgroups.isolate(component, [Way.OUT])
            case _:
                cgroups.lose(component, LOSS_SHARE)

    def _split(self, cgroups: Cgroups, side: set[str]) -> None:
        """Cut all links between two sides; clients still reach both."""
        ports = self._means.ports
        sides = (side, set(ports) - side)
        for here, there in (sides, sides[::-1]):
            far = [port for name in sorted(there) for port in ports[name]]
            for name in sorted(here):
                cgroups.cut(name, far)

    def _worsen(self, relays: Relays, kind: str, component: str) -> None:
        match kind:
            case "partition":
                count = relays.split({component})
            case "split":
                count = relays.split(set(component.split("+")))
            case "one-way":
                count = relays.silence(component)
            case "loss":
                count = relays.worsen(component, Weather(loss_share=LOSS_SHARE))
            case _:
                count = relays.worsen(component, Weather(delay_s=DELAY_S))
        if not count:
            raise NotRun(f"no link of '{component}' has a relay")

    async def _running(self) -> None:
        try:
            async with asyncio.timeout(RUNNING_TIMEOUT_S):
                states = await self._means.control.components()
                while any(state.state != "running" for state in states):
                    await asyncio.sleep(POLL_S)
                    states = await self._means.control.components()
        except TimeoutError:
            raise BenchError(
                f"not every component runs again {RUNNING_TIMEOUT_S:g} s after the "
                "fault was ended; see the logs in the run's folder"
            ) from None
