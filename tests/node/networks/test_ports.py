"""Free ports: distinct, and never one that an outgoing connection may take."""

from pathlib import Path

import pytest

from node.networks import ports
from node.networks.ports import FIRST_PORT, OUTGOING_RANGE, free_ports


def test_they_are_distinct_and_not_those_of_outgoing_connections() -> None:
    found = free_ports("127.0.0.1", 20)
    first = int(OUTGOING_RANGE.read_text().split()[0])
    assert len(set(found)) == 20
    assert all(FIRST_PORT <= port < first for port in found)


def test_where_the_range_is_not_said_the_system_chooses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "OUTGOING_RANGE", tmp_path / "absent")
    assert len(set(free_ports("127.0.0.1", 20))) == 20


def test_a_host_that_is_not_here_is_an_error() -> None:
    with pytest.raises(OSError, match="assign requested address"):
        free_ports("192.0.2.1", 1)
