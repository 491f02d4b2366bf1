"""What the target's processes use, from their supervisor, sampled through the load.

CPU seconds and bytes count from each component's start with dead incarnations included,
so the difference of two samples is what was used between them. Exact samples are taken
at the edges of the baseline; those between show the course of a fault.
"""

import asyncio
from dataclasses import asdict

from bench.control import Control, ControlError
from bench.history.files import LineWriter
from bench.load.clock import NS_PER_S, Clock
from bench.scenario.model import Phases

PERIOD_S = 1.0


class Meter:
    """Samples one target through one trial."""

    def __init__(self, control: Control, clock: Clock, out: LineWriter) -> None:
        self._control = control
        self._clock = clock
        self._out = out

    async def sample(self, label: str = "") -> None:
        """One sample now; a supervisor that does not answer leaves a gap, said so."""
        try:
            components = [asdict(c) for c in await self._control.components()]
            line: dict[str, object] = {"components": components}
        except ControlError as error:
            line = {"components": [], "error": str(error)}
        self._out.line({"at_ns": self._clock.now_ns(), "label": label, **line})

    async def run(self, phases: Phases) -> None:
        """Sample through the load: every second, and at the baseline's edges."""
        # Where a trial ends with its baseline, the baseline's own mark counts.
        marks = {
            phases.load_s: "load_end",
            phases.warmup_s: "baseline_start",
            phases.warmup_s + phases.baseline_s: "baseline_end",
        }
        moments = sorted({*marks, *(float(s) for s in range(int(phases.load_s) + 1))})
        for at_s in moments:
            await self._clock.sleep_until(int(at_s * NS_PER_S))
            await self.sample(marks.get(at_s, ""))
            await asyncio.sleep(0)
