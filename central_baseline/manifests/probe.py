"""`python -m central_baseline.manifests.probe KIND HOST PORT [SUBJECT]`: a look from
inside a container, exit 0 when it works.

http HOST PORT PATH wants 200, tcp HOST PORT a connection, dns HOST PORT NAME an answer.
"""

import asyncio
import socket
import sys

from central_baseline.dns.client import resolve
from central_baseline.servers.probes import PROBE_TIMEOUT_S, http_status


def works(kind: str, host: str, port: int, subject: str = "") -> bool:
    """Whether the probe succeeds now."""
    if kind == "http":
        return asyncio.run(http_status(host, port, subject)) == 200
    if kind == "dns":
        return asyncio.run(resolve(subject, host, port)) is not None
    try:
        socket.create_connection((host, port), PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    kind, host, port, *rest = sys.argv[1:]
    sys.exit(0 if works(kind, host, int(port), *rest) else 1)
