"""The answer of `qbft_status`, which `status`, `doctor` and the metrics read.

One JSON document; hashes and addresses are 0x-hex, times in seconds.
"""

from typing import Any

from node.chain.genesis import Genesis
from node.chain.validators import quorum
from node.consensus.engine import EngineStatus
from node.driver.driver import DriverStatus
from node.primitives.types import Address

OVERDUE_FACTOR = 3
"""A head older than this many expected intervals is called overdue."""


def status_json(
    status: DriverStatus, genesis: Genesis, own: Address, now_ms: int
) -> dict[str, Any]:
    """Everything there is to know of a node at a glance."""
    engine = status.engine
    expected_s = genesis.consensus.empty_block_period_ms / 1000
    age_s = status.last_commit_age_ms / 1000
    return {
        "node": _hex(own),
        "chain_id": genesis.chain_id,
        "genesis_hash": _hex(genesis.digest),
        "executor": status.executor,
        "head": {
            "height": status.height,
            "hash": _hex(status.digest),
            "age_s": age_s,
            "expected_s": expected_s,
            "overdue": age_s > OVERDUE_FACTOR * expected_s,
        },
        "consensus": _consensus(engine, status, now_ms),
        "quorum": engine.quorum if engine else quorum(len(status.validators)),
        "validators": _validators(engine, status, own),
        "peers": [
            {
                "address": _hex(peer.address),
                "endpoint": peer.endpoint,
                "inbound": peer.inbound,
                "height": peer.height,
            }
            for peer in status.peers
        ],
        "syncing": _syncing(status),
        "pool": {"executable": status.pool_executable, "gapped": status.pool_gapped},
        "disk_full": status.disk_full,
        "dropped_events": status.dropped_events,
        "evidence": status.evidence,
    }


def _consensus(
    engine: EngineStatus | None, status: DriverStatus, now_ms: int
) -> dict[str, Any]:
    if engine is None:
        return {
            "height": status.height + 1,
            "round": 0,
            "phase": "asking peers which signatures of ours they hold",
            "proposer": None,
            "prepared_round": None,
            "next_timer_s": None,
            "signing": _signing(None, status),
        }
    deadline = engine.next_timer_ms
    return {
        "height": engine.height,
        "round": engine.round,
        "phase": str(engine.phase),
        "proposer": _hex(engine.proposer),
        "prepared_round": engine.prepared_round,
        "next_timer_s": None if deadline is None else (deadline - now_ms) / 1000,
        "signing": _signing(engine, status),
    }


def _signing(engine: EngineStatus | None, status: DriverStatus) -> str:
    """ "yes", "observer", or the reason why not."""
    if status.disk_full:
        return "the disk is full: make room, signing goes on by itself"
    if not status.can_sign:
        return "the safety log is missing or foreign; see `chandlery recover`"
    if engine is None:
        return "waiting for peers to say which signatures of this validator they hold"
    return "yes" if engine.may_sign else engine.refusal or "observer"


def _validators(
    engine: EngineStatus | None, status: DriverStatus, own: Address
) -> list[dict[str, Any]]:
    connected = {peer.address for peer in status.peers} | {own}
    members = engine.validators if engine else status.validators
    heard = _heard(engine) if engine else {}
    present = engine.present if engine else ()
    return [
        {
            "address": _hex(member),
            "self": member == own,
            "connected": member in connected,
            "present": member == own or member in present,
            "heard": heard.get(member, []),
        }
        for member in members
    ]


def _heard(engine: EngineStatus) -> dict[Address, list[str]]:
    """What each validator said in this round."""
    answer: dict[Address, list[str]] = {}
    for kind, members in (
        ("round-change", engine.round_changes_by),
        ("prepare", engine.prepared_by),
        ("commit", engine.committed_by),
    ):
        for member in members:
            answer.setdefault(member, []).append(kind)
    return answer


def _syncing(status: DriverStatus) -> dict[str, str] | None:
    if not status.is_syncing:
        return None
    return {
        "startingBlock": "0x0",
        "currentBlock": hex(status.height),
        "highestBlock": hex(status.sync_target),
    }


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
