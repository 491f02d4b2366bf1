"""The power fails before, at and after every durable write of a scripted run."""

from dataclasses import replace

import pytest

from node.simulation.machine.disk import Moment
from node.simulation.plan import Fault, Kind, Plan, plan_of
from node.simulation.run import simulate, simulate_with
from node.simulation.world import World
from tests.node.simulation.test_seeds import complaint

VALUES = {Moment.BEFORE: 0.0, Moment.AT: 0.25, Moment.AFTER: 0.5}
SCRIPT = replace(
    plan_of(1, 4),
    spare="",
    liars=(),
    twins=(),
    rates=(1.0,) * 5,
    pool_limit=100,
    clients=2,
    faults=(),
    heal_s=6.0,
)
FIRST_WRITES = 36


def crashing(write: int, moment: Moment) -> Plan:
    """The script, with a power cut of A at its `write`-th durable write."""
    fault = Fault(0.0, 3.0, Kind.WRITE, ("A",), write + VALUES[moment])
    return replace(SCRIPT, faults=(fault,))


def test_the_script_writes_often_enough() -> None:
    outcome = simulate(SCRIPT)
    assert not complaint(outcome)
    assert outcome.disk_writes["A"] > FIRST_WRITES
    assert outcome.acknowledged > 3


def test_a_fresh_network_begins_at_once() -> None:
    """Whoever was asked twice for signatures answers twice: no wait until the third."""
    first = next(line for line in simulate(SCRIPT).lines if " final 1 " in line)
    assert int(first.split()[0]) < 1_000


@pytest.mark.parametrize("moment", list(Moment))
def test_a_crash_at_any_durable_write_loses_nothing(moment: Moment) -> None:
    for write in range(1, FIRST_WRITES):
        outcome = simulate(crashing(write, moment))
        assert not complaint(outcome), write
        assert any("A  down: power cut at" in line for line in outcome.lines), write


@pytest.mark.parametrize("moment", list(Moment))
def test_all_may_crash_at_the_same_write(moment: Moment) -> None:
    for write in range(2, FIRST_WRITES, 3):
        faults = tuple(
            Fault(0.0, 3.0, Kind.WRITE, (name,), write + VALUES[moment])
            for name in SCRIPT.validators
        )
        outcome = simulate(replace(SCRIPT, faults=faults))
        assert not complaint(outcome), write


def test_a_crash_during_recovery_is_one_more_crash() -> None:
    """The first durable writes after a restart are recovery's own."""
    for write in range(1, 5):

        def cut_at_restart(world: World, write: int = write) -> None:
            host = world.hosts["A"]

            def cut() -> None:
                host.crash(True, "power cut")
                world.loop.create_task(host.start())
                world.loop.call_soon(arm)

            def arm() -> None:
                host.disk.cut_at = host.disk.writes + write, Moment.AFTER

            world.loop.call_at(2.0, cut)
            world.loop.call_at(3.0, lambda: world.loop.create_task(host.start()))

        assert not complaint(simulate_with(SCRIPT, cut_at_restart)), write
