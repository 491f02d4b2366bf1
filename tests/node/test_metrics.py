"""What a scrape shows: every name with its help, counts and durations as they were."""

from typing import Any

import pytest

from node.driver.measures import FIRST_ROUNDS, Histogram, Measures
from node.metrics import HISTOGRAMS, LABELS, NodeCollector, exposition

STATUS: dict[str, Any] = {
    "head": {"height": 7, "age_s": 0.5},
    "consensus": {"round": 2, "signing": "yes"},
    "validators": [{"connected": True}, {"connected": False}],
    "peers": [{}],
    "syncing": None,
    "pool": {"executable": 3, "gapped": 1},
    "disk_full": False,
    "evidence": 4,
}


def scraped(measures: Measures) -> dict[str, float]:
    """Sample -> value."""
    collector = NodeCollector(lambda: STATUS, measures.counters, measures.histograms)
    lines = exposition(collector).decode().splitlines()
    rows = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in rows}


def test_rounds_and_their_durations_are_told() -> None:
    measures = Measures()
    measures.entered(8, 0, 1_000)
    measures.entered(8, 0, 1_200)  # the timer was only moved
    measures.entered(8, 1, 1_400)
    measures.committed(1)
    measures.left(1_430)
    measures.left(1_500)
    measures.committed(FIRST_ROUNDS + 20)
    found = scraped(measures)
    assert found['chandlery_commit_rounds_total{round="1"}'] == 1
    assert found[f'chandlery_commit_rounds_total{{round="{FIRST_ROUNDS}+"}}'] == 1
    assert found["chandlery_round_seconds_count"] == 2
    assert found["chandlery_round_seconds_sum"] == pytest.approx(0.43)
    assert found['chandlery_round_seconds_bucket{le="0.05"}'] == 1
    assert found['chandlery_round_seconds_bucket{le="0.5"}'] == 2


def test_steps_are_told_by_event_and_buckets_add_up() -> None:
    measures = Measures()
    for seconds in (0.0004, 0.001, 0.2, 99.0):
        measures.stepped("TimerFired", seconds)
    found = scraped(measures)
    name = 'chandlery_step_seconds_bucket{event="TimerFired",le="%s"}'
    assert [found[name % le] for le in ("0.001", "0.25", "30", "+Inf")] == [2, 3, 3, 4]


def test_refusals_evidence_and_late_messages_are_counted() -> None:
    measures = Measures()
    measures.pool_refused["nonce too low"] += 2
    measures.evidence["prepare"] += 1
    measures.late_messages["commit"] += 5
    found = scraped(measures)
    assert found['chandlery_pool_refused_total{reason="nonce too low"}'] == 2
    assert found['chandlery_evidence_total{kind="prepare"}'] == 1
    assert found['chandlery_late_messages_total{kind="commit"}'] == 5
    assert found["chandlery_evidence_kept"] == 4
    assert found["chandlery_validators_missing"] == 1


def test_every_family_of_the_driver_has_a_name() -> None:
    measures = Measures()
    assert set(measures.counters()) <= set(LABELS)
    assert set(measures.histograms()) == set(HISTOGRAMS)
    assert Histogram().count == 0
