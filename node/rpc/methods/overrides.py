"""What a call sees instead of what is there: state overrides and block overrides.

As in geth, but for precompiles: they stay what and where they are, and a request to
replace or move one is refused rather than answered as if it had not been asked.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from node.execution.executor import AccountOverride, BlockEnv
from node.primitives.types import Address
from node.rpc.errors import RpcError, invalid_params, server_error
from node.rpc.params import (
    MAX_UINT64,
    parse_address,
    parse_data,
    parse_hash,
    parse_quantity,
    parse_slot,
)

MOVED_TO_ITSELF = -38022
MOVED_TWICE = -38023
PRECOMPILES = frozenset(Address(bytes(19) + bytes((at,))) for at in range(1, 18))


def parse_overrides(raw: Mapping[str, Any]) -> dict[Address, AccountOverride]:
    """State overrides by account. Raises RpcError."""
    for change in raw.values():
        if not isinstance(change, dict):
            raise invalid_params("invalid state override: expected an object")
    _check_moves(raw)
    return {
        parse_address(at, "override address"): _account(at, change)
        for at, change in raw.items()
    }


def _account(at: str, change: Mapping[str, Any]) -> AccountOverride:
    state, difference = change.get("state"), change.get("stateDiff")
    if state is not None and difference is not None:
        raise server_error(f"account {at} has both 'state' and 'stateDiff'")
    code = _given(change, "code", parse_data)
    if code is not None and parse_address(at, "override address") in PRECOMPILES:
        raise server_error(
            f"the code of the precompile {at} cannot be overridden: override the code "
            "of its caller instead"
        )
    return AccountOverride(
        balance=_given(change, "balance", parse_quantity),
        nonce=_given(change, "nonce", _parse_uint64),
        code=code,
        state=None if state is None else _slots(state),
        state_diff={} if difference is None else _slots(difference),
    )


def _given(change: Mapping[str, Any], name: str, parse: Any) -> Any:
    value = change.get(name)
    return None if value is None else parse(value, name)


def _parse_uint64(value: Any, name: str) -> int:
    return parse_quantity(value, name, MAX_UINT64)


def _slots(raw: Any) -> dict[int, int]:
    if not isinstance(raw, dict):
        raise invalid_params("invalid state override: storage is an object")
    return {
        parse_slot(slot, "slot"): parse_slot(value, "slot value")
        for slot, value in raw.items()
    }


def _check_moves(accounts: Mapping[str, Any]) -> None:
    """Refuse to move precompiles, in the order of the specification's reasons."""
    targets: set[Address] = set()
    for at, change in accounts.items():
        given = change.get("movePrecompileToAddress")
        if given is None:
            continue
        source = parse_address(at, "override address")
        target = parse_address(given, "movePrecompileToAddress")
        if source not in PRECOMPILES:
            raise server_error(f"account 0x{source.hex()} is not a precompile")
        if target == source:
            message = f"account 0x{source.hex()} is moved to itself"
            raise RpcError(MOVED_TO_ITSELF, message)
        if target in targets:
            message = f"more than one precompile is moved to 0x{target.hex()}"
            raise RpcError(MOVED_TWICE, message)
        targets.add(target)
    if targets:
        raise server_error(
            "movePrecompileToAddress is not offered: the precompiles of this chain "
            "cannot be moved; override the code of the caller instead"
        )


def override_env(env: BlockEnv, raw: Mapping[str, Any]) -> BlockEnv:
    """Block overrides, with the names of geth's and of the specification. Raises
    RpcError."""
    for name in ("beaconRoot", "withdrawals"):
        if raw.get(name) is not None:
            words = f'block override "{name}" is not supported for this RPC method'
            raise server_error(words)
    changes: dict[str, Any] = {}
    for name, field, parse in (
        ("number", "number", _parse_uint64),
        ("time", "timestamp", _parse_uint64),
        ("gasLimit", "gas_limit", _parse_uint64),
        ("feeRecipient", "coinbase", parse_address),
        ("coinbase", "coinbase", parse_address),
        ("prevRandao", "prev_randao", parse_hash),
        ("random", "prev_randao", parse_hash),
        ("baseFeePerGas", "base_fee_per_gas", _parse_uint64),
        ("baseFee", "base_fee_per_gas", _parse_uint64),
    ):
        if raw.get(name) is not None:
            changes[field] = parse(raw[name], name)
    return replace(env, **changes)
