"""Keeps a plan running: starts its lanes, restarts what dies, obeys the socket.

Restart policy: a component that dies is started again after `RESTART_AFTER_S`, later
and later when it keeps failing (up to `MAX_BACKOFF_S`), unless it was told to stay
down.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from central_baseline.errors import CentralError, StartError, UsageError
from central_baseline.supervisor.component import Component, State
from central_baseline.supervisor.meter import SAMPLE_INTERVAL_S, Meter
from central_baseline.supervisor.plan import Fleet, Plan, Stages
from central_baseline.supervisor.processes import Processes

RESTART_AFTER_S = 1.0
MAX_BACKOFF_S = 30.0
STEADY_S = 10.0  # up so long counts as recovered

DUTY_EVERY_S = 1.0
SERVING_TIMEOUT_S = 30.0
SERVING_POLL_S = 0.05

Say = Callable[[str], None]
Duty = Callable[[Fleet], Awaitable[None]]


def to_stderr(line: str) -> None:
    """A line of the supervisor's own log."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{stamp} {line}", file=sys.stderr, flush=True)


class Supervisor:
    """Runs one plan until told to shut down."""

    def __init__(self, plan: Plan, processes: Processes, meter: Meter) -> None:
        self.plan = plan
        self.components: dict[str, Component] = {}
        self.stopped = asyncio.Event()
        self._processes = processes
        self._meter = meter
        self._restarts: dict[str, asyncio.Task[None]] = {}
        self._backoff_s: dict[str, float] = {}
        self._wanted_after_s: dict[str, float] = {}
        self._background: list[asyncio.Task[None]] = []
        self._say: Say = to_stderr
        for stage in plan.stages:
            for component in stage:
                self.adopt(component)

    def adopt(self, component: Component) -> None:
        """Take a component into care; it is not started by this."""
        component.attach(self._processes, self._meter)
        component.on_dead = self._on_dead
        self.components[component.name] = component

    async def discard(self, name: str) -> None:
        """Stop a component and forget it."""
        component = self.components[name]
        self._forget_restart(name)
        await component.stop()
        del self.components[name]

    async def start(self) -> None:
        """Start all lanes; StartError from the first that fails."""
        await self.plan.before()
        lanes = [asyncio.ensure_future(self._start(lane)) for lane in self.plan.lanes]
        try:
            await asyncio.gather(*lanes)
            await self._until_serving()
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        loop = asyncio.get_running_loop()
        self._background = [loop.create_task(self._sample())]
        self._background += [
            loop.create_task(self._keep(work)) for work in self.plan.background
        ]

    async def _start(self, lane: Stages) -> None:
        for stage in lane:
            results = await asyncio.gather(
                *(self._start_one(component) for component in stage),
                return_exceptions=True,
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _start_one(self, component: Component) -> None:
        began = time.monotonic()
        await component.start()
        self._say(f"{component.name} is up after {time.monotonic() - began:.1f} s")

    async def _until_serving(self) -> None:
        deadline = time.monotonic() + SERVING_TIMEOUT_S
        while not await self.plan.is_serving():
            if time.monotonic() > deadline:
                raise StartError(
                    f"everything runs, but after {SERVING_TIMEOUT_S:.0f} s the shop is "
                    "not ready: the logs of its app servers say why"
                )
            await asyncio.sleep(SERVING_POLL_S)

    async def stop(self) -> list[str]:
        """Stop everything, last stage first; names what was stopped."""
        for task in self._background:
            task.cancel()
        for name in list(self._restarts):
            self._forget_restart(name)
        done: list[str] = []
        for together in reversed(self._stages()):
            running = [c for c in together if c.state is not State.STOPPED]
            await asyncio.gather(*(component.stop() for component in running))
            done += [component.name for component in reversed(running)]
        self.stopped.set()
        return done

    def _stages(self) -> list[list[Component]]:
        """The plan's stages as of now; what was added since goes with its role."""
        known = {c.name for stage in self.plan.stages for c in stage}
        added = [c for c in self.components.values() if c.name not in known]
        stages = [
            [self.components[c.name] for c in stage if c.name in self.components]
            for stage in self.plan.stages
        ]
        for component in added:
            roles = [{c.role for c in stage} for stage in self.plan.stages]
            home = next(i for i, found in enumerate(roles) if component.role in found)
            stages[home].append(component)
        return stages

    async def handle(self, op: str, request: dict[str, Any]) -> dict[str, Any]:
        """One request of the control socket."""
        match op:
            case "list":
                return self.listing()
            case "kill":
                return await self._kill(request)
            case "pause" | "resume":
                component = self._named(request)
                if op == "pause":
                    await component.pause()
                else:
                    component.resume()
                return {"state": component.state}
            case "restart":
                return await self._restart(self._named(request))
            case "scale":
                return await self._scale(request)
            case "shutdown":
                return {"stopped": await self.stop()}
        raise UsageError(
            f"unknown op '{op[:40]}'; there are list, kill, pause, resume, restart, "
            "scale, shutdown"
        )

    def listing(self) -> dict[str, Any]:
        """All components as the control socket tells of them."""
        self._meter.sample()
        return {"components": [self._entry(c) for c in self.components.values()]}

    def _entry(self, component: Component) -> dict[str, Any]:
        usage = self._meter.usage(component.name)
        return {
            "name": component.name,
            "role": component.role,
            "state": component.state.value,
            "pid": component.pid,
            "restarts": component.restarts,
            "cpu_seconds": round(usage.cpu_seconds, 3),
            "rss_bytes": usage.rss_bytes,
            "read_bytes": usage.read_bytes,
            "write_bytes": usage.write_bytes,
            "exit": component.exit,
            "uptime_s": round(component.uptime_s, 3),
        }

    def _named(self, request: dict[str, Any]) -> Component:
        component = self.components.get(str(request.get("component")))
        if component is None:
            known = ", ".join(self.components)
            raise UsageError(f"no component of that name; there are {known}")
        return component

    async def _kill(self, request: dict[str, Any]) -> dict[str, Any]:
        component = self._named(request)
        if request.get("process") is not None:
            # Its component, or the agent above it, is to notice and to act.
            return {"killed": component.kill_process(str(request["process"]))}
        after_s = request.get("restart_after_s")
        if after_s is not None and not isinstance(after_s, int | float):
            raise UsageError("restart_after_s is a number of seconds, -1, or null")
        if after_s is not None:
            self._wanted_after_s[component.name] = float(after_s)
        self._forget_restart(component.name)
        if component.state is State.DEAD:
            self._on_dead(component)
        await component.kill()
        return {"state": component.state}

    async def _restart(self, component: Component) -> dict[str, Any]:
        self._forget_restart(component.name)
        await component.stop()
        component.restarts += 1
        try:
            await component.start()
        except StartError as error:
            raise CentralError(str(error)) from error
        return {"state": component.state}

    async def _scale(self, request: dict[str, Any]) -> dict[str, Any]:
        role, count = str(request.get("role")), request.get("count")
        scaler = self.plan.scalers.get(role)
        if scaler is None:
            able = ", ".join(self.plan.scalers) or "none"
            raise UsageError(f"this rung cannot scale '{role}'; it can scale: {able}")
        if not isinstance(count, int) or isinstance(count, bool):
            raise UsageError("count is a whole number")
        await scaler.scale(self, count)
        return {"count": count}

    def _on_dead(self, component: Component) -> None:
        after_s = self._wanted_after_s.pop(component.name, None)
        self._say(f"{component.name} is dead ({component.exit})")
        if self.stopped.is_set() or (after_s is not None and after_s < 0):
            return
        if after_s is None:
            if component.lived_s > STEADY_S:
                self._backoff_s.pop(component.name, None)
            after_s = self._backoff_s.get(component.name, RESTART_AFTER_S)
        self._forget_restart(component.name)
        self._restarts[component.name] = asyncio.get_running_loop().create_task(
            self._bring_back(component, after_s)
        )

    async def _bring_back(self, component: Component, after_s: float) -> None:
        await asyncio.sleep(after_s)
        component.restarts += 1
        self._restarts.pop(component.name, None)
        later_s = self._backoff_s.get(component.name, RESTART_AFTER_S) * 2
        self._backoff_s[component.name] = min(later_s, MAX_BACKOFF_S)
        try:
            await component.start()
        except (CentralError, OSError) as error:
            # It is dead again, and on_dead has planned the next attempt.
            self._say(f"{component.name} did not come back: {error}")
            return
        self._backoff_s.pop(component.name, None)
        self._say(f"{component.name} is running again")

    def _forget_restart(self, name: str) -> None:
        task = self._restarts.pop(name, None)
        if task is not None:
            task.cancel()

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_INTERVAL_S)
            self._meter.sample()

    async def _keep(self, work: Duty) -> None:
        """Do a duty again and again; that it fails once is not the rung's end."""
        while True:
            try:
                await work(self)
            except (CentralError, OSError) as error:
                self._say(f"a duty failed: {error}")
            await asyncio.sleep(DUTY_EVERY_S)
