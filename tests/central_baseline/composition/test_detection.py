"""Everybody who takes a silent part for dead does so within the time that was named."""

import json
from pathlib import Path

import pytest

from central_baseline.composition.compose import compose
from central_baseline.composition.detection import SHIPPED, detection_for
from central_baseline.config import Layout, Settings
from central_baseline.errors import UsageError
from central_baseline.rungs import RUNGS
from central_baseline.servers.patroni import (
    Cluster,
    ClusterSecrets,
    NodePlace,
    patroni_config,
)
from central_baseline.servers.postgres import PostgresSize


def test_without_a_wish_the_timers_are_those_that_are_shipped() -> None:
    assert detection_for(RUNGS["single"], None) is SHIPPED
    assert SHIPPED.said_of(RUNGS["single"]) == ""
    assert SHIPPED.said_of(RUNGS["cdn"]) == (
        "lease 20 s, standbys 5 s, balancer 2 x 0.5 s, name servers 2 x 0.5 s"
    )


@pytest.mark.parametrize("seconds", [20.0, 31.0])
def test_silence_is_noticed_in_time_by_everybody(seconds: float) -> None:
    found = detection_for(RUNGS["cdn"], seconds)
    assert found.lease_s <= seconds
    assert found.silence_s <= seconds
    for checks in (found.balancer, found.proxy):
        assert checks.patience_ms is not None
        # A wait, a question without an answer, a shorter wait, and another question.
        longest_ms = checks.every_ms + checks.again_ms + 2 * checks.patience_ms
        assert longest_ms <= seconds * 1000
    assert 2 * (found.look_every_s + found.look_patience_s) <= seconds


@pytest.mark.parametrize(
    ("rung", "seconds", "sentence"),
    [
        ("single", 20.0, "has nothing that detects"),
        ("vertical", 20.0, "has nothing that detects"),
        ("replicated", 19.9, "no lease below 20 s"),
        ("horizontal", 0.5, "between 1 and 600"),
        ("cdn", 601.0, "between 1 and 600"),
    ],
)
def test_what_cannot_be_is_refused(rung: str, seconds: float, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        detection_for(RUNGS[rung], seconds)


def test_a_wish_reaches_patroni_and_the_descriptor(tmp_path: Path) -> None:
    found = detection_for(RUNGS["replicated"], 25.5)
    node = NodePlace("db1", tmp_path, tmp_path / "log", "127.0.0.1", 1, 2, 3)
    cluster = Cluster(
        [node],
        ClusterSecrets("a", "b", "c"),
        PostgresSize(),
        lease_s=found.lease_s,
        silence_s=found.silence_s,
    )
    config = patroni_config(node, cluster)
    kept = config["bootstrap"]["dcs"]
    assert kept["ttl"] == 25
    assert kept["loop_wait"] + 2 * kept["retry_timeout"] <= kept["ttl"]
    for side in ("wal_sender_timeout", "wal_receiver_timeout"):
        assert config["postgresql"]["parameters"][side] == "25500ms"
    folder = tmp_path / "rung"
    layout = Layout(folder)
    layout.claim("replicated")
    plan = compose(Settings("replicated", folder, detection_s=25.5), layout)
    assert plan.software["failure detection"] == (
        "lease 25 s, standbys 25.5 s, balancer 2 x 6.375 s"
    )


def test_settings_of_an_older_program_are_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    Settings("single", tmp_path).save(path)
    known = json.loads(path.read_text())
    del known["detection_s"]
    path.write_text(json.dumps(known))
    assert Settings.load(path).detection_s is None
