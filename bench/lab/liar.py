"""The lesson that no real node can give: a validator that lies, in the simulator.

`chandlery simulate` runs whole nodes, the same code, in virtual time. Its faults follow
from a seed; wanted is one whose plan holds a validator that proposes two blocks a
round, and only that fault is kept. SEED was one when this was written; if the simulator
draws its plans otherwise by now, seeds are looked through until one is found.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.lab.chainlog import Final, Heard, finals, read_simulation
from bench.report.words import listed, plural
from bench.targets.process import console_command

SEED, SIZE = 558, 4
LIE = "liar B: two proposals a round"
SEEDS_MAX = 600
LIAR, NAMES = "B", "ABCD"
TIMEOUT_S = 120.0
LOG = "simulation.jsonl"


@dataclass(frozen=True, slots=True)
class LiarFindings:
    """What the simulated network did with its liar."""

    clean: bool
    heights: dict[int, Final]
    double: dict[int, tuple[str, ...]]  # by height: digests that B proposed
    evidence_by: dict[str, int]  # by node: how often it kept evidence
    heard: tuple[Heard, ...]
    told: dict[str, Any]


def run_liar(folder: Path) -> LiarFindings:
    """Simulate, read the event log, find the lie in it."""
    log = folder / LOG
    seed, position = find_seed()
    words = ["--seed", str(seed), "--keep", str(position), "--log", str(log)]
    told = _simulate(*words)[0]
    if told["schedule"] != [LIE]:
        raise BenchError(f"the simulator did not keep to '{LIE}': {told['schedule']}")
    # The simulator's validators have speaking addresses: a0a0.. is A, a1a1.. is B.
    names = {f"a{n}" * 20: name for n, name in enumerate(NAMES)}
    with log.open(encoding="utf-8") as lines:
        heard = read_simulation(lines, names)
    return LiarFindings(
        told["clean"],
        finals(heard),
        _double(heard),
        _evidence(heard),
        tuple(heard),
        told,
    )


def find_seed() -> tuple[int, int]:
    """(seed, position of the lie in its schedule); BenchError if there is none."""
    for seed in (SEED, *range(SEEDS_MAX)):
        schedule = _simulate("--seed", str(seed))[0]["schedule"]
        if LIE in schedule:
            return seed, schedule.index(LIE)
    raise BenchError(
        f"none of {SEEDS_MAX} seeds plans '{LIE}'; `chandlery simulate --seed N "
        f"--size {SIZE}` shows the plan of a seed"
    )


def _simulate(*words: str) -> list[dict[str, Any]]:
    """What `chandlery simulate --json` tells."""
    done = subprocess.run(
        [*console_command(), "simulate", "--size", str(SIZE), "--json", *words],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise BenchError(f"the simulator failed: {done.stderr.strip()}") from None
    return list(told)


def _double(heard: list[Heard]) -> dict[int, tuple[str, ...]]:
    """Heights at which the liar proposed more than one block in one round."""
    proposed: dict[tuple[int, int], dict[str, None]] = {}
    for item in heard:
        if item.what == "PROPOSAL" and item.peer == LIAR:
            proposed.setdefault((item.height, item.round), {})[item.digest] = None
    return {
        height: tuple(digests)
        for (height, _), digests in proposed.items()
        if len(digests) > 1
    }


def _evidence(heard: list[Heard]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in heard:
        if item.what.startswith("keeps evidence"):
            counts[item.node] = counts.get(item.node, 0) + 1
    return dict(sorted(counts.items()))


def liar_sentences(found: LiarFindings) -> list[str]:
    """What can be said of it."""
    forked = [height for height, f in found.heights.items() if len(f.digests) > 1]
    heights = sorted(found.double)
    lines = [
        f"B proposed two blocks at {plural(len(heights), 'height')} "
        f"({listed([str(height) for height in heights])}).",
        f"{plural(len(found.heights), 'height')} became final"
        + (f"; THE CHAIN FORKED at {forked}." if forked else ", each with one block."),
    ]
    changed = [h for h in heights if h in found.heights and found.heights[h].round > 0]
    kept = [h for h in heights if h in found.heights and found.heights[h].round == 0]
    if changed:
        lines.append(
            f"At {listed([str(h) for h in changed])} no block got a quorum in B's "
            "round: the round was changed and another validator proposed."
        )
    if kept:
        lines.append(
            f"At {listed([str(h) for h in kept])} one of the two blocks got a quorum "
            "all the same; the other could not."
        )
    told = [f"{name} {count}" for name, count in found.evidence_by.items()]
    lines.append(
        f"Evidence of double signatures was kept: {', '.join(told) or 'none'} (times)."
    )
    wrong = "nothing wrong" if found.clean else f"ERRORS: {found.told['findings']}"
    lines.append(f"The simulator's checkers of the whole history found {wrong}.")
    return lines


def liar_json(found: LiarFindings) -> dict[str, Any]:
    """All figures as plain data."""
    return {
        "target": "simulator",
        "seed": found.told["seed"],
        "clean": found.clean,
        "double_proposals": {str(h): list(d) for h, d in found.double.items()},
        "evidence_kept": found.evidence_by,
        "finals": {
            str(height): {
                "at_s": final.at_s,
                "round": final.round,
                "digests": sorted(final.digests),
            }
            for height, final in sorted(found.heights.items())
        },
    }


def drawn_height(found: LiarFindings) -> int:
    """The height to draw: the first at which B lied."""
    return min(found.double, default=1)
