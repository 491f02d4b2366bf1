"""Small random schedules of several engines: safety always, liveness after healing."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.node.consensus.cluster import Cluster
from tests.node.consensus.stage import CONFIG

SEEDS = st.integers(0, 2**32)
BLOCK_MS = 1_000


def bound_ms(cluster: Cluster) -> int:
    """(f + 1) capped timers and a block time, from the return of the quorum on."""
    cap_ms = CONFIG.timeout_ms(64)
    return (cluster.set.faulty_max + 1) * cap_ms + BLOCK_MS


@pytest.mark.parametrize("names", ["ABCD", "ABCDEFG"])
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_engines_agree_through_loss_disorder_and_crashes(names: str, seed: int) -> None:
    cluster = Cluster(names, seed)
    cluster.chaos(steps=600)
    assert cluster.heal() <= bound_ms(cluster)


@pytest.mark.parametrize(
    ("names", "twins"), [("ABCD", "A"), ("ABCD", "C"), ("ABCDEFG", "BE")]
)
@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_engines_agree_although_f_validators_run_twice(
    names: str, twins: str, seed: int
) -> None:
    """One key on two hosts with two logs signs whatever it likes."""
    cluster = Cluster(names, seed, twins)
    cluster.chaos(steps=700)
    assert cluster.heal() <= bound_ms(cluster)


@pytest.mark.parametrize(("names", "dead"), [("ABCD", "B"), ("ABCDEFG", "AF")])
@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_f_dead_validators_do_not_stop_the_others(
    names: str, dead: str, seed: int
) -> None:
    cluster = Cluster(names, seed)
    cluster.chaos(steps=500)
    assert cluster.heal(dead) <= bound_ms(cluster)


@given(seed=SEEDS, names=st.sampled_from(["A", "AB", "ABC", "ABCDE", "ABCDEF"]))
@settings(max_examples=40, deadline=None)
def test_sets_of_any_size_agree(names: str, seed: int) -> None:
    cluster = Cluster(names, seed)
    cluster.chaos(steps=400)
    assert cluster.heal() <= bound_ms(cluster)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_schedule_is_the_same_every_time(seed: int) -> None:
    finals = []
    for _ in range(2):
        cluster = Cluster("ABCD", seed)
        cluster.chaos(steps=300)
        finals.append((cluster.final, list(cluster.signed)))
    assert finals[0] == finals[1]


HASHED = """
import hashlib
from tests.node.consensus.cluster import Cluster
cluster = Cluster("ABCDE", 11, twins="B")
cluster.chaos(1_500)
text = repr((cluster.final, list(cluster.signed.items()), cluster.flying))
print(len(cluster.final), hashlib.sha256(text.encode()).hexdigest())
"""


def test_a_schedule_does_not_depend_on_the_order_of_hashing() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", HASHED],
            cwd=Path(__file__).parents[3],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert not outputs[0].startswith("0 ")
