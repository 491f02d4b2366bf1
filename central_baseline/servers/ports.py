"""Ports: chosen by the operating system unless the operator names one.

A named port that is taken is an error that says so before anything is started.
"""

import errno
import socket

from central_baseline.errors import RefusedError, UsageError

LOOPBACK = "127.0.0.1"


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """Distinct TCP ports that were free a moment ago, held together while choosing."""
    held = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for holder in held:
            holder.bind((host, 0))
        return [holder.getsockname()[1] for holder in held]
    finally:
        for holder in held:
            holder.close()


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
