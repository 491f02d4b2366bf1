"""Lost, foreign, older and copied safety logs, and what `recover` promises of them."""

from dataclasses import replace

import pytest

from node.consensus.messages import Commit
from node.simulation.history import Signed
from node.simulation.plan import Fault, Kind, Plan
from node.simulation.run import Outcome, simulate_with
from node.simulation.world import World
from tests.node.simulation.test_crash_points import SCRIPT
from tests.node.simulation.test_seeds import complaint

CALM = replace(SCRIPT, heal_s=10.0)


def run(*faults: Fault, plan: Plan = CALM) -> tuple[Outcome, World]:
    """The plan with these faults; clean."""
    held: list[World] = []
    outcome = simulate_with(replace(plan, faults=faults), held.append)
    assert not complaint(outcome)
    return outcome, held[0]


def signed_by(world: World, name: str, from_ms: int) -> list[Signed]:
    return [s for s in world.history.signed if s.host == name and s.at_ms >= from_ms]


def ends(world: World) -> list[tuple[str, object]]:
    """Who ended by itself, and its exit code."""
    codes = [getattr(ended.error, "exit_code", None) for ended in world.history.ended]
    names = [ended.host for ended in world.history.ended]
    return list(zip(names, codes, strict=True))


@pytest.mark.parametrize("kind", [Kind.LOST_LOG, Kind.FOREIGN_LOG])
def test_a_validator_without_its_own_log_follows_and_signs_nothing(kind: Kind) -> None:
    _, world = run(Fault(2.0, 2.5, kind, ("A", "B")))
    assert signed_by(world, "A", 0)
    assert not signed_by(world, "A", 2_500)
    assert ends(world) == []


@pytest.mark.parametrize("kind", [Kind.LOST_LOG, Kind.FOREIGN_LOG])
def test_recovered_it_signs_again_above_what_it_may_have_signed(kind: Kind) -> None:
    lost, recover = (
        Fault(2.0, 2.5, kind, ("A", "B")),
        Fault(4.0, 4.3, Kind.RECOVER, "A"),
    )
    _, world = run(lost, replace(recover, hosts=("A",)))
    [by] = world.history.recovered
    later = signed_by(world, "A", by.at_ms)
    assert later
    earlier = [s for s in world.history.signed if s.host == "A" and s.at_ms < by.at_ms]
    heights = [s.message.signed.payload.height for s in earlier]
    assert min(s.message.signed.payload.height for s in later) > by.above
    assert by.above >= max(heights)


def wipe(*names: str) -> Fault:
    return Fault(2.0, 2.5, Kind.WIPE, names)


def test_more_than_f_without_a_log_end_with_exit_code_3_and_the_others_wait() -> None:
    _, world = run(wipe("A", "C"))
    assert sorted(ends(world)) == [("A", 3), ("C", 3)]
    recovered_ms = world.history.recovered[0].at_ms
    finals = [f for f in world.history.finals if 2_600 < f.at_ms < recovered_ms]
    assert finals == []


def test_after_all_were_recovered_the_chain_goes_on() -> None:
    names = CALM.validators
    outcome, world = run(wipe(*names))
    assert sorted(ends(world)) == [(name, 3) for name in names]
    assert {by.host for by in world.history.recovered} == set(names)
    newest = max(by.above for by in world.history.recovered)
    assert outcome.height > newest
    commits = [
        s for s in world.history.signed if isinstance(s.message.signed.payload, Commit)
    ]
    assert max(s.message.signed.payload.height for s in commits) == outcome.height


def test_a_single_validator_ends_at_once_without_its_log() -> None:
    single = replace(CALM, size=1)
    _, world = run(wipe("A"), plan=single)
    assert ends(world) == [("A", 3)]
    assert world.history.ended[0].at_ms < 2_600


def test_a_copy_of_a_running_host_silences_the_key_not_the_network() -> None:
    outcome, world = run(Fault(3.0, 3.1, Kind.CLONE, ("B",)))
    assert "B2" in world.hosts
    assert outcome.recovery_s < 10
    logs = [world.hosts[name].driver for name in ("B", "B2")]
    bans = [d._context.ports.safety.load().sign_above for d in logs if d is not None]
    assert max(bans) > 0
