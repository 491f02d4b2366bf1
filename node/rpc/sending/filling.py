"""From a transaction object of JSON-RPC, with what its sender left out, to a whole one.

Defaults as in geth: the next nonce, twice the next base fee and the usual tip, and the
gas that the transaction needs on the newest state.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from node.chain.header import Header
from node.chain.transaction import (
    ACCESS_LIST,
    DYNAMIC_FEE,
    LEGACY,
    SET_CODE,
    Transaction,
    decode_authorization,
)
from node.execution.executor import Call, CallResult, StateView
from node.primitives import rlp
from node.primitives.types import ZERO_HASH, Hash32
from node.rpc.backend import Backend
from node.rpc.errors import invalid_params, server_error
from node.rpc.lookup import env_on, require_state
from node.rpc.methods.chain import SUGGESTED_PRIORITY_FEE_WEI
from node.rpc.methods.state import parse_call, raise_on_failure
from node.rpc.params import LATEST, MAX_FEE_WEI, MAX_UINT64, parse_quantity

FEE_HEADROOM = 2


async def fill(
    backend: Backend, request: Mapping[str, Any], gas_cap: int
) -> tuple[Call, Transaction]:
    """The call and the unsigned transaction of a request. Raises RpcError."""
    header, view = require_state(backend, LATEST)
    call = parse_call(request, min(gas_cap, header.gas_limit))
    if call.to is None and not call.data:
        raise invalid_params("contract creation without any data provided")
    priority_fee, max_fee = _fees(backend, request)
    gas = call.gas
    if request.get("gas") is None:
        gas = await _estimate(backend, call, header, view)
    else:
        gas = parse_quantity(request["gas"], "gas", MAX_UINT64)
    fees = priority_fee, max_fee
    kind, chain_id = type_of(request, call), _chain_id(backend, request)
    nonce = _nonce(backend, request, call, view)
    return call, unsigned(replace(call, gas=gas), kind, chain_id, nonce, fees)


def unsigned(
    call: Call, kind: int, chain_id: int, nonce: int, fees: tuple[int, int]
) -> Transaction:
    """The transaction of a call; `fees` is (priority fee, max fee)."""
    return Transaction(
        type=kind,
        chain_id=chain_id,
        nonce=nonce,
        priority_fee=fees[0],
        max_fee=fees[1],
        gas_limit=call.gas,
        to=call.to,
        value=call.value,
        data=call.data,
        access_list=tuple(
            (at, tuple(Hash32(slot.to_bytes(32, "big")) for slot in slots))
            for at, slots in call.access_list
        ),
        authorizations=tuple(
            decode_authorization(rlp.decode(raw)) for raw in call.authorizations
        ),
        v=0,
        r=0,
        s=0,
        hash=ZERO_HASH,
    )


def _fees(backend: Backend, request: Mapping[str, Any]) -> tuple[int, int]:
    if request.get("gasPrice") is not None:
        price = parse_quantity(request["gasPrice"], "gasPrice", MAX_FEE_WEI)
        return price, price
    base_fee = backend.rules.base_fee_after(backend.head())
    tip = 0 if backend.rules.zero_base_fee else SUGGESTED_PRIORITY_FEE_WEI
    max_fee = None
    if request.get("maxFeePerGas") is not None:
        max_fee = parse_quantity(request["maxFeePerGas"], "maxFeePerGas", MAX_FEE_WEI)
        tip = min(tip, max_fee)
    if request.get("maxPriorityFeePerGas") is not None:
        given = request["maxPriorityFeePerGas"]
        tip = parse_quantity(given, "maxPriorityFeePerGas", MAX_FEE_WEI)
    if max_fee is None:
        max_fee = FEE_HEADROOM * base_fee + tip
    if tip > max_fee:
        raise server_error(f"maxFeePerGas ({max_fee}) < maxPriorityFeePerGas ({tip})")
    return tip, max_fee


def type_of(request: Mapping[str, Any], call: Call) -> int:
    """The envelope that the request's fields need."""
    if call.authorizations:
        return SET_CODE
    if request.get("gasPrice") is not None:
        return ACCESS_LIST if request.get("accessList") is not None else LEGACY
    return DYNAMIC_FEE


def _chain_id(backend: Backend, request: Mapping[str, Any]) -> int:
    given = request.get("chainId")
    if given is None:
        return backend.chain_id
    chain_id = parse_quantity(given, "chainId", MAX_UINT64)
    if chain_id != backend.chain_id:
        raise invalid_params(
            f"chainId does not match node's (have={chain_id}, want={backend.chain_id})"
        )
    return chain_id


def _nonce(
    backend: Backend, request: Mapping[str, Any], call: Call, view: StateView
) -> int:
    if request.get("nonce") is not None:
        return parse_quantity(request["nonce"], "nonce", MAX_UINT64)
    return max(view.nonce(call.sender), backend.next_nonce(call.sender) or 0)


async def _estimate(
    backend: Backend, call: Call, header: Header, view: StateView
) -> int:
    free = replace(call, gas_price=0)
    env = env_on(backend, header)
    result = await backend.blocking(lambda: view.estimate_gas(free, env, {}))
    if isinstance(result, CallResult):
        raise_on_failure(result)
        raise server_error("gas required exceeds allowance")
    return result
