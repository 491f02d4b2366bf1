"""Ports are free, distinct, or said to be taken."""

import socket

import pytest

from central_baseline.errors import RefusedError, UsageError
from central_baseline.servers.ports import LOOPBACK, claim_port, free_ports


def test_free_ports_are_distinct() -> None:
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
