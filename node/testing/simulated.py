"""A network in virtual time for tests: faults when the test says, or by seed.

The real driver, consensus, gossip, sync and safety log on a simulated network, disk
and clock (docs/simulation.md): half a minute of a network is a fraction of a second,
and the same seed gives the same run. What happens is planned first, then run and judged
by all of the simulation's checks.
"""

import random
from collections.abc import Iterable
from dataclasses import replace

from node.simulation.machine.keys import NAMES
from node.simulation.plan import HEAL_S, Fault, Kind, Lie, Plan, plan_of
from node.simulation.run import Outcome, simulate

DEFAULT_VALIDATORS = 4


class SimulationFailed(AssertionError):
    """A check did not hold; says which, with the plan and how to run it again."""


class QbftSimulation:
    """See the module's docstring. Nodes are named by their number, from 0 on; times are
    seconds of virtual time, and everything is healed after HEAL_S of them."""

    def __init__(
        self, validators: int = DEFAULT_VALIDATORS, seed: int | None = None
    ) -> None:
        if not 1 <= validators < len(NAMES):
            raise TypeError(f"validators: 1 to {len(NAMES) - 1}, not {validators}")
        self.seed = random.randrange(2**32) if seed is None else seed
        drawn = plan_of(self.seed, validators)
        self._is_drawn = False
        self._drawn = drawn
        self.plan: Plan = replace(drawn, spare="", liars=(), twins=(), faults=())
        self.outcome: Outcome | None = None

    # -- what goes wrong

    def faults_by_seed(self) -> None:
        """All that `chandlery simulate --seed` would do, instead of faults by name."""
        self.plan, self._is_drawn = self._drawn, True

    def kill(self, node: int, at_s: float, until_s: float) -> None:
        """SIGKILL, and a restart with its disk."""
        self._add(Kind.KILL, at_s, until_s, [node])

    def power_cut(self, node: int, at_s: float, until_s: float) -> None:
        """As `kill`, and what was not made durable is gone."""
        self._add(Kind.POWER, at_s, until_s, [node])

    def pause(self, node: int, at_s: float, until_s: float) -> None:
        """The world goes on without it."""
        self._add(Kind.PAUSE, at_s, until_s, [node])

    def partition(self, group: Iterable[int], at_s: float, until_s: float) -> None:
        """Silence between these nodes and the others."""
        self._add(Kind.SPLIT, at_s, until_s, group)

    def delay(self, seconds: float, at_s: float, until_s: float) -> None:
        """Every message takes so much longer."""
        self._add(Kind.SLOW, at_s, until_s, (), seconds * 1000)

    def lose(self, share: float, at_s: float, until_s: float) -> None:
        """This share of all messages is lost."""
        self._add(Kind.LOSS, at_s, until_s, (), share)

    def equivocate(self, node: int) -> None:
        """It makes two proposals a round and signs both. At most f nodes may lie."""
        self.lie(node, Lie.EQUIVOCATE, Lie.DOUBLE_SIGN)

    def lie(self, node: int, *lies: Lie) -> None:
        """It lies so, all the time."""
        self.plan = replace(self.plan, liars=(*self.plan.liars, (NAMES[node], lies)))

    def _add(
        self,
        kind: Kind,
        at_s: float,
        until_s: float,
        nodes: Iterable[int],
        value: float = 0.0,
    ) -> None:
        if self._is_drawn:
            raise TypeError("faults_by_seed has faults of its own: name them before")
        if not 0 < at_s < until_s <= HEAL_S:
            raise TypeError(f"a fault is between 0 and {HEAL_S:g} s, in this order")
        hosts = tuple(NAMES[node] for node in nodes)
        added = (*self.plan.faults, Fault(at_s, until_s, kind, hosts, value))
        ordered = tuple(sorted(added, key=lambda fault: fault.at_s))
        self.plan = replace(self.plan, faults=ordered)

    # -- the run

    def run(self) -> Outcome:
        """Run the plan to its end. Raises SimulationFailed where a check does not
        hold: agreement, durability, exactly once, liveness after healing."""
        self.outcome = simulate(self.plan)
        if not self.outcome.verdict.is_clean:
            raise SimulationFailed(f"{self.title}\n{self.describe()}")
        return self.outcome

    @property
    def title(self) -> str:
        """What a report calls it."""
        return f"simulation of {self.plan.size} validators, seed={self.seed}"

    def describe(self) -> str:
        """The plan, what was found, and how to run it again."""
        lines = [f"  {line}" for line in self.plan.lines()] or ["  no faults"]
        if self.outcome is not None:
            lines.append(f"height {self.outcome.height}, log {self.outcome.digest}")
            lines += [f"! {found}" for found in self.outcome.verdict.findings]
        if self._is_drawn:
            again = f"chandlery simulate --seed {self.seed} --size {self.plan.size}"
            lines.append(f"again: {again} --shrink")
        return "\n".join(lines)
