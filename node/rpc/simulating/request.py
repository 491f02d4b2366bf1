"""What eth_simulateV1 is asked for: parsed, put in order, bounded.

Blocks that lie between two numbers asked for are added, as geth does it. Source:
execution-apis, eth_simulateV1; go-ethereum internal/ethapi/simulate.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from node.chain.header import PARENT_BEACON_BLOCK_ROOT, Header
from node.execution.executor import AccountOverride
from node.primitives.types import Address, Hash32
from node.rpc.errors import RpcError, invalid_params, server_error
from node.rpc.methods.overrides import parse_overrides
from node.rpc.params import MAX_UINT64, parse_hash, parse_quantity

MAX_BLOCKS = 256
MAX_CALLS = 5_000
BLOCK_TIME_S = 12
"""Between two blocks whose time is not said, as geth has it."""

BLOCK_NUMBER = -38020
BLOCK_TIMESTAMP = -38021
TOO_MANY_BLOCKS = -38026

FLAGS = ("validation", "traceTransfers", "returnFullTransactions")


@dataclass(frozen=True, slots=True)
class AskedBlock:
    """One block: its place, what it overrides, its calls (transaction objects)."""

    number: int
    timestamp: int
    env: Mapping[str, Any]
    """Block overrides as given, without number, time and beacon root."""
    accounts: Mapping[Address, AccountOverride]
    calls: tuple[Mapping[str, Any], ...]
    beacon_root: Hash32 = PARENT_BEACON_BLOCK_ROOT


@dataclass(frozen=True, slots=True)
class Asked:
    """The whole request; the flags are those of the specification."""

    blocks: tuple[AskedBlock, ...]
    validation: bool = False
    trace_transfers: bool = False
    full_transactions: bool = False


def parse_simulation(raw: Mapping[str, Any], base: Header) -> Asked:
    """The request on top of a block. Raises RpcError."""
    listed = raw.get("blockStateCalls")
    if not isinstance(listed, list) or not listed:
        raise invalid_params("empty input: blockStateCalls is a list of blocks")
    if len(listed) > MAX_BLOCKS:
        raise RpcError(TOO_MANY_BLOCKS, f"too many blocks: at most {MAX_BLOCKS}")
    for name in FLAGS:
        if not isinstance(raw.get(name, False), bool):
            raise invalid_params(f"invalid {name}: expected a boolean")
    blocks = [_parse_block(item) for item in listed]
    if sum(len(block.calls) for block in blocks) > MAX_CALLS:
        raise RpcError(TOO_MANY_BLOCKS, f"too many calls: at most {MAX_CALLS}")
    return Asked(
        _in_order(blocks, base),
        raw.get("validation", False),
        raw.get("traceTransfers", False),
        raw.get("returnFullTransactions", False),
    )


def _parse_block(raw: Any) -> AskedBlock:
    if not isinstance(raw, dict):
        raise invalid_params("invalid blockStateCalls: expected objects")
    env = dict(_object(raw, "blockOverrides"))
    if env.pop("withdrawals", None):
        raise server_error("withdrawals are not simulated: this chain has none")
    number, time = env.pop("number", None), env.pop("time", None)
    root = env.pop("beaconRoot", None)
    accounts = _object(raw, "stateOverrides")
    calls = raw.get("calls") or []
    if not isinstance(calls, list) or not all(isinstance(c, dict) for c in calls):
        raise invalid_params("invalid calls: expected a list of objects")
    return AskedBlock(
        number=-1 if number is None else parse_quantity(number, "number", MAX_UINT64),
        timestamp=-1 if time is None else parse_quantity(time, "time", MAX_UINT64),
        env=env,
        accounts=parse_overrides(accounts),
        calls=tuple(calls),
        beacon_root=PARENT_BEACON_BLOCK_ROOT
        if root is None
        else parse_hash(root, "beaconRoot"),
    )


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise invalid_params(f"invalid {name}: expected an object")
    return found


def _in_order(blocks: list[AskedBlock], base: Header) -> tuple[AskedBlock, ...]:
    """With numbers and times for all, and the blocks between. Raises RpcError."""
    answer: list[AskedBlock] = []
    number, time = base.number, base.timestamp
    for block in blocks:
        wanted = number + 1 if block.number < 0 else block.number
        if wanted <= number:
            message = f"block numbers must be in order: {wanted} <= {number}"
            raise RpcError(BLOCK_NUMBER, message)
        if wanted - base.number > MAX_BLOCKS:
            raise RpcError(TOO_MANY_BLOCKS, f"too many blocks: at most {MAX_BLOCKS}")
        for between in range(number + 1, wanted):
            time += BLOCK_TIME_S
            answer.append(AskedBlock(between, time, {}, {}, ()))
        moment = time + BLOCK_TIME_S if block.timestamp < 0 else block.timestamp
        if moment <= time:
            message = f"block timestamps must be in order: {moment} <= {time}"
            raise RpcError(BLOCK_TIMESTAMP, message)
        if moment > MAX_UINT64:
            raise RpcError(BLOCK_TIMESTAMP, f"block timestamp {moment} is out of range")
        number, time = wanted, moment
        answer.append(replace(block, number=number, timestamp=time))
    return tuple(answer)
