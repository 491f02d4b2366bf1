"""`python -m central_baseline.servers.agent FILE`: Patroni, with a brisker Raft.

The problem: of two agents the one with the higher address calls the other. If that one
does not listen yet (both start at once, or it has just come back), pysyncobj calls
again after five seconds; and a call into a cut cable it lets the system repeat, ever
more rarely, so that a node is apart after the cut for as long again. Patroni hands no
setting of either through. The promise: an agent calls again twice a second, and gives a
call up after one; all else is Patroni's own program.
Source: pysyncobj/transport.py (TCPTransport), patroni/dcs/raft.py.
"""

import sys
import time
from functools import partial
from typing import Any

from patroni import __main__ as patroni
from patroni.dcs import raft

CALL_AGAIN_S = 0.5
GIVE_UP_S = 1.0


_CALL = raft._TCPTransport._connectIfNecessarySingle


def call(transport: Any, node: Any) -> bool:
    """In place of the transport's own, which never gives a call up."""
    line = transport._connections.get(node)
    called_at = transport._lastConnectAttempt.get(node, 0.0)
    if (
        line is not None
        and line.state == raft.CONNECTION_STATE.CONNECTING
        and time.monotonic() - called_at > GIVE_UP_S
    ):
        line.disconnect()
    return bool(_CALL(transport, node))


def call_again_soon() -> None:
    """Every Raft of this process does from now on."""
    made = partial(raft.SyncObjConf, connectionRetryTime=CALL_AGAIN_S)
    vars(raft)["SyncObjConf"] = made
    raft._TCPTransport._connectIfNecessarySingle = call


if __name__ == "__main__":
    call_again_soon()
    sys.exit(patroni.main())
