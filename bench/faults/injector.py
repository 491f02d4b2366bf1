"""Carries out a scenario's faults through the control socket and watches their course.

Every step is an event with its moment: asked, done, seen dead, seen running again. What
a target cannot do (no control socket, no such component, a refusal) is an event too: a
fault that did not happen must never look like one that was survived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bench.control import Control
from bench.descriptor import Component, Descriptor
from bench.errors import BenchError
from bench.faults.cgroups import Cgroups, unavailable
from bench.faults.kernel import Way
from bench.history.files import LineWriter
from bench.load.clock import NS_PER_S, Clock
from bench.scenario.model import LINK_FAULTS, Fault, Phases

POLL_S = 0.1
RECOVERY_WATCH_S = 120.0
LOSS_SHARE = 0.2

# Tells which component holds an office ("primary") at this moment; None if nobody does.
Locate = Callable[[str], Awaitable[str | None]]


class Injector:
    """Injects the faults of one trial into one target."""

    def __init__(
        self,
        descriptor: Descriptor,
        control: Control | None,
        clock: Clock,
        events: LineWriter,
        locate: Locate | None = None,
    ) -> None:
        self._locate = locate
        self._descriptor = descriptor
        self._control = control
        self._clock = clock
        self._events = events

    async def run(self, faults: Sequence[Fault], phases: Phases) -> None:
        """All faults, each at its moment; returns when the last has run its course."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                group.create_task(self._inject(fault, phases.fault_at_s + fault.at_s))

    async def _inject(self, fault: Fault, at_s: float) -> None:
        await self._clock.sleep_until(int(at_s * NS_PER_S))
        component, role = await self._find(fault.roles)
        if self._control is None or component is None:
            reason = (
                "the target has no control socket"
                if self._control is None
                else "the target has no component with role " + ", ".join(fault.roles)
            )
            self._event("not_run", "", fault, reason=reason)
            return
        self._event("asked", component.name, fault, role=role)
        try:
            if fault.kind == "kill":
                await self._control.kill(component.name, fault.duration_s)
                self._event("done", component.name, fault)
                await self._watch(component.name, fault)
            elif fault.kind in LINK_FAULTS:
                await self._cut(component.name, fault, at_s)
            else:
                await self._control.pause(component.name)
                self._event("done", component.name, fault)
                await self._clock.sleep_until(int((at_s + fault.duration_s) * NS_PER_S))
                await self._control.resume(component.name)
                self._event("running", component.name, fault)
        except BenchError as error:
            self._event("not_run", component.name, fault, reason=str(error))

    async def _cut(self, name: str, fault: Fault, at_s: float) -> None:
        """Cut a component's links, in the kernel, and heal them."""
        cgroups = Cgroups.here()
        if cgroups is None:
            raise BenchError(unavailable() or "the target was started without cgroups")
        try:
            match fault.kind:
                case "partition":
                    cgroups.isolate(name)
                case "one-way":
                    cgroups.isolate(name, [Way.OUT])
                case _:
                    cgroups.lose(name, LOSS_SHARE)
            self._event("done", name, fault, method=cgroups.method)
            await self._clock.sleep_until(int((at_s + fault.duration_s) * NS_PER_S))
        finally:
            cgroups.close()
        self._event("running", name, fault)

    async def _find(self, roles: Sequence[str]) -> tuple[Component | None, str]:
        """The component to hit and the role it is hit for, looked up at the moment:
        offices move from one component to another."""
        for role in roles:
            if self._locate is not None and (name := await self._locate(role)):
                for component in self._descriptor.components:
                    if component.name == name:
                        return component, role
            found = self._descriptor.component_with((role,))
            if found is not None:
                return found, role
        return None, ""

    async def _watch(self, name: str, fault: Fault) -> None:
        """Note when the killed component is seen dead, and when running again."""
        assert self._control is not None
        deadline_ns = self._clock.now_ns() + int(RECOVERY_WATCH_S * NS_PER_S)
        restarts: int | None = None
        seen_dead = False
        while self._clock.now_ns() < deadline_ns:
            states = {c.name: c for c in await self._control.components()}
            state = states[name]
            restarts = state.restarts if restarts is None else restarts
            if not seen_dead and state.state != "running":
                seen_dead = True
                self._event("dead", name, fault, exit=state.exit)
            # A restart quicker than our look shows in its count alone.
            if state.state == "running" and (seen_dead or state.restarts > restarts):
                self._event("running", name, fault, restarts=state.restarts)
                return
            await asyncio.sleep(POLL_S)
        self._event("not_recovered", name, fault, watched_s=RECOVERY_WATCH_S)

    def _event(self, event: str, component: str, fault: Fault, **facts: object) -> None:
        self._events.line(
            {
                "at_ns": self._clock.now_ns(),
                "event": event,
                "fault": fault.kind,
                "component": component,
                **facts,
            }
        )
