"""One call of a simulation: what it becomes, and why it is refused as a whole.

A call that reverts is an answer; one that no block could hold fails the request, with
the codes of the specification (-38010 to -38025).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from node.chain.transaction import Transaction
from node.execution.executor import BlockEnv, Call, CallResult
from node.execution.validation import is_delegation
from node.primitives.checksum import to_checksum_address
from node.rpc.errors import EXECUTION_REVERTED, RpcError, server_error
from node.rpc.formats import hex_data
from node.rpc.methods.state import parse_call, revert_reason
from node.rpc.params import MAX_FEE_WEI, MAX_UINT64, parse_quantity
from node.rpc.sending.filling import type_of, unsigned
from node.rpc.simulating.state import GrowingState

NONCE_TOO_LOW = -38010
NONCE_TOO_HIGH = -38011
FEE_TOO_LOW = -38012
INTRINSIC_GAS = -38013
INSUFFICIENT_FUNDS = -38014
BLOCK_GAS = -38015
SENDER_HAS_CODE = -38024
INITCODE_TOO_LARGE = -38025
EXECUTION_FAILED = -32015

REFUSALS = (
    ("max fee per gas less than block base fee", FEE_TOO_LOW),
    ("intrinsic gas too low", INTRINSIC_GAS),
    ("insufficient funds for gas * price + value", INSUFFICIENT_FUNDS),
    ("max initcode size exceeded", INITCODE_TOO_LARGE),
)


def prepare(
    request: Mapping[str, Any],
    env: BlockEnv,
    state: GrowingState,
    chain_id: int,
    gas: int,
    used: int,
) -> tuple[Call, Transaction]:
    """The call and its unsigned transaction. `gas` is the most that it may have, `used`
    what the block has used before it. Raises RpcError."""
    call = parse_call(request, gas)
    left = env.gas_limit - used
    if request.get("gas") is not None:
        wanted = parse_quantity(request["gas"], "gas", MAX_UINT64)
        if wanted > left:
            message = f"block gas limit reached: remaining: {left}, required: {wanted}"
            raise RpcError(BLOCK_GAS, message)
    nonce = state.nonce(call.sender)
    if request.get("nonce") is not None:
        nonce = parse_quantity(request["nonce"], "nonce", MAX_UINT64)
    tip, max_fee = _fees(request, call)
    tx = unsigned(call, type_of(request, call), chain_id, nonce, (tip, max_fee))
    return replace(call, gas_price=tx.effective_gas_price(env.base_fee_per_gas)), tx


def _fees(request: Mapping[str, Any], call: Call) -> tuple[int, int]:
    """(priority fee, max fee); what is not said is 0."""
    if request.get("gasPrice") is not None:
        return call.gas_price, call.gas_price
    given = request.get("maxPriorityFeePerGas")
    name = "maxPriorityFeePerGas"
    tip = 0 if given is None else parse_quantity(given, name, MAX_FEE_WEI)
    if tip > call.gas_price and request.get("maxFeePerGas") is not None:
        raise server_error(
            f"maxFeePerGas ({call.gas_price}) < maxPriorityFeePerGas ({tip})"
        )
    return tip, max(call.gas_price, tip)


def check(
    state: GrowingState, env: BlockEnv, call: Call, tx: Transaction, validation: bool
) -> None:
    """What geth checks before a message runs, in its order. Raises RpcError."""
    problem = _sender_problem(state, call, tx) if validation else None
    problem = problem or _fee_problem(state, env, call, tx, validation)
    if problem:
        code, message = problem
        raise RpcError(code, f"err: {message} (supplied gas {call.gas})")


def _sender_problem(
    state: GrowingState, call: Call, tx: Transaction
) -> tuple[int, str] | None:
    named = to_checksum_address(call.sender)
    nonce = state.nonce(call.sender)
    if tx.nonce != nonce:
        is_low = tx.nonce < nonce
        code = NONCE_TOO_LOW if is_low else NONCE_TOO_HIGH
        what = "low" if is_low else "high"
        return code, (
            f"nonce too {what}: address {named}, tx: {tx.nonce} state: {nonce}"
        )
    runtime = state.code(call.sender)
    if runtime and not is_delegation(runtime):
        return SENDER_HAS_CODE, f"sender not an eoa: address {named}"
    return None


def _fee_problem(
    state: GrowingState, env: BlockEnv, call: Call, tx: Transaction, validation: bool
) -> tuple[int, str] | None:
    """The base fee must be paid where fees are named or all is checked; the funds must
    be there always."""
    named = to_checksum_address(call.sender)
    base_fee = env.base_fee_per_gas
    if (validation or tx.max_fee) and tx.max_fee < base_fee:
        return FEE_TOO_LOW, (
            f"max fee per gas less than block base fee: address {named}, "
            f"maxFeePerGas: {tx.max_fee}, baseFee: {base_fee}"
        )
    balance, cost = state.balance(call.sender), call.value + call.gas * tx.max_fee
    if balance < cost:
        return INSUFFICIENT_FUNDS, (
            f"insufficient funds for gas * price + value: address {named} have "
            f"{balance} want {cost}"
        )
    return None


def refuse(result: CallResult, call: Call) -> None:
    """Raise RpcError for a call that could not begin, or took too long."""
    for words, code in REFUSALS:
        if result.error.startswith(words):
            message = f"err: {result.error} (supplied gas {call.gas})"
            raise RpcError(code, message)
    if result.error.startswith("execution timeout"):
        raise server_error(result.error)


def failure_of(result: CallResult) -> dict[str, Any]:
    """The `error` of a call that ran and failed."""
    if result.error != "revert":
        return {"code": EXECUTION_FAILED, "message": result.error}
    reason = revert_reason(result.output)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    data = hex_data(result.output)
    return {"code": EXECUTION_REVERTED, "message": message, "data": data}
