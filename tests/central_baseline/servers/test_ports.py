"""Ports are free, distinct, or said to be taken."""

import socket
from pathlib import Path

import pytest

from central_baseline.errors import RefusedError, UsageError
from central_baseline.servers import ports
from central_baseline.servers.ports import (
    FIRST_PORT,
    LOOPBACK,
    OUTGOING_RANGE,
    claim_port,
    free_ports,
)


def test_free_ports_are_distinct() -> None:
    assert len(set(free_ports(20))) == 20


def test_free_ports_are_not_those_of_outgoing_connections() -> None:
    first = int(OUTGOING_RANGE.read_text().split()[0])
    assert all(FIRST_PORT <= port < first for port in free_ports(20))


def test_where_the_range_is_not_said_the_system_chooses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "OUTGOING_RANGE", tmp_path / "absent")
    assert len(set(free_ports(20))) == 20


def test_a_taken_port_is_refused_by_number() -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RefusedError, match=f"port {port} .* is taken"):
            claim_port(port)
    assert claim_port(port) == port


def test_a_number_that_is_no_port_is_refused() -> None:
    with pytest.raises(UsageError, match="between 1 and 65535"):
        claim_port(70000)
