"""Free ports for nodes that will want the same ones after every restart.

They lie below the range that the kernel takes ports of outgoing connections from: a
node that was killed must not find its port used by somebody's connection.
"""

import contextlib
import random
import socket
from pathlib import Path

FIRST_PORT = 10_000
ATTEMPTS = 50
OUTGOING_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(host: str, count: int) -> list[int]:
    """Distinct TCP ports that were free a moment ago. Raises OSError for the host."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(_bound(host)) for _ in range(count)]
        return [holder.getsockname()[1] for holder in held]


def _bound(host: str) -> socket.socket:
    last = _first_outgoing_port() - 1
    for _ in range(ATTEMPTS if last > FIRST_PORT else 0):
        holder = socket.socket()
        try:
            holder.bind((host, random.randint(FIRST_PORT, last)))
        except OSError:
            holder.close()
        else:
            return holder
    holder = socket.socket()
    try:
        holder.bind((host, 0))
    except OSError:
        holder.close()
        raise
    return holder


def _first_outgoing_port() -> int:
    """Where the kernel's range begins; 0 where it does not say."""
    try:
        return int(OUTGOING_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0
