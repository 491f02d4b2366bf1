"""A simulated host that crashes while it starts can be started again at once."""

from dataclasses import replace

from node.simulation.run import simulate_with
from node.simulation.world import World
from tests.node.simulation.test_crash_points import SCRIPT
from tests.node.simulation.test_seeds import complaint


def test_a_crash_during_a_start_does_not_swallow_the_next_start() -> None:
    def prepare(world: World) -> None:
        host = world.hosts["A"]

        def begin() -> None:
            host.crash(False, "killed")
            host._state.states.clear()  # all blocks again: that takes a while
            world._revive(host)

        def interrupt() -> None:
            host.crash(True, "power cut while it starts")
            world._revive(host)

        world.loop.call_at(4.0, begin)
        world.loop.call_at(4.001, interrupt)

    outcome = simulate_with(replace(SCRIPT, faults=()), prepare)
    assert not complaint(outcome)
    assert [line for line in outcome.lines if line.startswith("   4001 A  start")] == [
        "   4001 A  start 3"
    ]
    assert "   4001 A  down: power cut while it starts" in outcome.lines
    assert any("A  validators" in line for line in between(outcome.lines, 4_001, 5_000))


def between(lines: tuple[str, ...], from_ms: int, to_ms: int) -> list[str]:
    """Of the log, by the time that each line begins with."""
    return [line for line in lines if from_ms <= int(line.split()[0]) < to_ms]
