"""Seeds of every size of network are clean; those that once failed stay clean."""

from pathlib import Path

import pytest

from node.simulation.plan import Plan, plan_of
from node.simulation.run import Outcome, simulate

CHUNK = 10
CHUNKS = 40
LONG_CHUNK = 250
LONG_CHUNKS = 40
LONG_FROM = 100_000
FAILED_ONCE = Path(__file__).with_name("failing_seeds.txt")


def complaint(outcome: Outcome) -> str:
    """Empty when clean; else everything that is needed to look into it."""
    if outcome.verdict.is_clean:
        return ""
    command = (
        f"chandlery simulate --seed {outcome.plan.seed} --size {outcome.plan.size}"
    )
    parts = [command, *outcome.plan.lines(), *outcome.verdict.findings]
    return "\n".join(parts)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_seeds_are_clean(chunk: int) -> None:
    for seed in range(1 + chunk * CHUNK, 1 + (chunk + 1) * CHUNK):
        assert not complaint(simulate(plan_of(seed)))


@pytest.mark.parametrize("size", [1, 4, 5, 6, 7, 10])
def test_every_size_of_network_makes_blocks(size: int) -> None:
    for seed in range(3):
        outcome = simulate(plan_of(50_000 + seed, size))
        assert not complaint(outcome)
        assert outcome.plan.size == size
        assert outcome.height > 0
        assert outcome.acknowledged > 0


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("chunk", range(LONG_CHUNKS))
def test_many_more_seeds_are_clean(chunk: int) -> None:
    first = LONG_FROM + chunk * LONG_CHUNK
    for seed in range(first, first + LONG_CHUNK):
        assert not complaint(simulate(plan_of(seed, 4 if seed % 2 else 7)))


def kept_seeds() -> list[tuple[Plan, tuple[int, ...] | None]]:
    """(plan, positions) of every line."""
    found: list[tuple[Plan, tuple[int, ...] | None]] = []
    for line in FAILED_ONCE.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            kept = tuple(map(int, words[1].split(","))) if len(words) > 1 else None
            seed, _, size = words[0].partition("/")
            found.append((plan_of(int(seed), int(size) if size else None), kept))
    return found


def test_seeds_that_failed_once_stay_clean() -> None:
    for plan, kept in kept_seeds():
        assert not complaint(simulate(plan if kept is None else plan.with_faults(kept)))
