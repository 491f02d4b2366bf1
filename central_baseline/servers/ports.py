"""Ports: free ones are chosen unless the operator names one.

A named port that is taken is an error that says so before anything is started.
"""

import errno
import random
import socket
from pathlib import Path

from central_baseline.errors import RefusedError, UsageError

LOOPBACK = "127.0.0.1"
FIRST_PORT = 10_000
ATTEMPTS = 50
OUTGOING_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """Distinct TCP ports that were free a moment ago, held together while choosing.

    Below the range that the kernel takes ports of outgoing connections from: one of
    those could be taken again before its server listens.
    """
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            held.append(_bound(host))
        return [holder.getsockname()[1] for holder in held]
    finally:
        for holder in held:
            holder.close()


def _bound(host: str) -> socket.socket:
    last = _first_outgoing_port() - 1
    for _ in range(ATTEMPTS if last > FIRST_PORT else 0):
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.bind((host, random.randint(FIRST_PORT, last)))
        except OSError:
            holder.close()
        else:
            return holder
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.bind((host, 0))
    return holder


def _first_outgoing_port() -> int:
    """Where the kernel's range begins; 0 where it does not say."""
    try:
        return int(OUTGOING_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def claim_port(port: int | None, host: str = LOOPBACK) -> int:
    """The named port if it is free, any free one for None."""
    if port is None:
        return free_ports(1, host)[0]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a connection in TIME_WAIT does not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError as error:
            raise UsageError(f"port {port} is not between 1 and 65535") from error
        except OSError as error:
            raise RefusedError(_why(error, host, port)) from error
    return port


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken by another program; "
            "name another with --port, or leave --port out"
        )
    return f"port {port} on {host} cannot be used: {error.strerror}"
