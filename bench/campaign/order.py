"""The order of a run's trials: a pure function of the scenario and the targets.

Trials of different targets are interleaved, so that whatever changes on the machine
through an hour meets all of them alike; who goes first moves on from round to round.
Each repetition of a load has a seed of its own, the same for every target: a target
meets six different crowds, and every target meets the same six.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.scenario.model import Load, Scenario
from bench.scenario.variant import loads_of

SEEDS_A_LOAD = 10_000
KNEE_SEED = 1_000_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One trial that the run is to have: a target, a load, and which repetition."""

    target: str
    load: Load
    repetition: int
    with_fault: bool
    seed: int


def cells_of(scenario: Scenario, targets: Sequence[str], seed: int) -> list[Cell]:
    """All trials, in the order in which they are run."""
    cells = []
    for repetition in range(1, scenario.trials.count + 1):
        for number, load in enumerate(loads_of(scenario)):
            shift = (repetition - 1) % len(targets)
            for target in [*targets[shift:], *targets[:shift]]:
                with_fault = load.with_fault and (
                    repetition <= scenario.trials.with_fault
                )
                cell_seed = seed + number * SEEDS_A_LOAD + repetition - 1
                cells.append(Cell(target, load, repetition, with_fault, cell_seed))
    return cells


def probe_seed(seed: int, number: int) -> int:
    """The seed of a knee's probe: no probe repeats another's order references."""
    return seed + KNEE_SEED + number
