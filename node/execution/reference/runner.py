"""One transaction on the machine, from buying gas to deleting what it emptied.

Follows execution-specs (Prague): fees by EIP-1559, authorizations by EIP-7702, refunds
by EIP-3529, the floor by EIP-7623, empty accounts by EIP-161. The transaction has been
validated before; nothing here refuses one.
"""

from typing import Any, NamedTuple

from eth import exceptions
from eth._utils.address import generate_contract_address
from eth.vm.forks.cancun.transaction_context import CancunTransactionContext

from node.chain.receipt import Log
from node.chain.transaction import Authorization, Transaction
from node.execution.reference.frame import Message
from node.execution.reference.machine import DEEP_RECURSION
from node.execution.reference.state import MAX_WORD, ReferenceState
from node.execution.reference.world import World
from node.execution.validation import (
    DELEGATION_PREFIX,
    MAX_NONCE,
    Admitted,
    floor_gas,
    intrinsic_gas,
    is_delegation,
)
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import HALF_ORDER, SignatureError, recover
from node.primitives.types import ZERO_ADDRESS, Address, Hash32

REFUND_QUOTIENT = 5
REFUND_AUTHORIZATION = 25_000 - 12_500

REASONS: dict[type[Exception], str] = {
    exceptions.Revert: "revert",
    exceptions.OutOfGas: "out of gas",
    exceptions.InsufficientStack: "stack underflow",
    exceptions.FullStack: "stack limit reached",
    exceptions.InvalidJumpDestination: "invalid jump destination",
    exceptions.InvalidInstruction: "invalid opcode",
    exceptions.WriteProtection: "write protection",
    exceptions.OutOfBoundsRead: "return data out of bounds",
    exceptions.ReservedBytesInCode: "invalid code: must not begin with 0xef",
    exceptions.ContractCreationCollision: "contract address collision",
    exceptions.InsufficientFunds: "insufficient balance for transfer",
}


class Outcome(NamedTuple):
    """What one transaction did."""

    gas_used: int
    logs: tuple[Log, ...]
    created: bytes
    """Address of the contract that a creation made, else empty."""
    output: bytes
    error: str
    """Empty on success, "revert", or the machine's reason."""
    frame: Any


def run_transaction(state: ReferenceState, admitted: Admitted) -> Outcome:
    """Execute a valid transaction and make its changes final in the world."""
    with DEEP_RECURSION:
        return _run(state, admitted)


def _run(state: ReferenceState, admitted: Admitted) -> Outcome:
    tx, sender = admitted.tx, admitted.sender
    world = state.world
    base_fee = state.execution_context.base_fee_per_gas
    price = tx.effective_gas_price(base_fee)
    world.add_balance(sender, -tx.gas_limit * price)
    state.increment_nonce(sender)
    frame = run_message(state, admitted, price)
    gas_used = gas_used_by(tx, frame)
    _credit(world, sender, (tx.gas_limit - gas_used) * price)
    _credit(world, state.coinbase, gas_used * (price - base_fee))
    for at in frame.get_accounts_for_deletion():
        world.delete(at)
    world.end_transaction()
    return outcome_of(frame, gas_used)


def _credit(world: World, at: Address, amount: int) -> None:
    world.add_balance(at, min(amount, MAX_WORD - world.get(at).balance))


def run_message(state: ReferenceState, admitted: Admitted, price: int) -> Any:
    """Run what a transaction asks for, its gas bought and its nonce counted."""
    tx, sender = admitted.tx, admitted.sender
    context = CancunTransactionContext(gas_price=price, origin=sender)
    _warm_up(state, tx, sender)
    refund = sum(
        _authorize(state, authorization) for authorization in tx.authorizations
    )
    message = _message_of(state, tx, sender, refund)
    if not message.is_create:
        return state.computation_class.apply_message(state, message, context)
    state.mark_address_warm(message.storage_address)
    if state.has_code_or_nonce(message.storage_address):
        frame = state.computation_class(state, message, context)
        frame.error = exceptions.ContractCreationCollision("the address is taken")
        frame._gas_meter.gas_remaining = 0
        return frame
    return state.computation_class.apply_create_message(state, message, context)


def outcome_of(frame: Any, gas_used: int) -> Outcome:
    """Read a finished frame."""
    error = ""
    if frame._error is not None:
        error = reason_of(frame._error)
    created = b""
    if frame.msg.is_create and not error:
        created = frame.msg.storage_address
    logs = tuple(
        Log(at, tuple(Hash32(topic.to_bytes(32, "big")) for topic in topics), data)
        for at, topics, data in frame.get_log_entries()
    )
    return Outcome(gas_used, logs, created, frame.output, error, frame)


def gas_used_by(tx: Transaction, frame: Any) -> int:
    """Gas after refunds, at least the floor."""
    used = tx.gas_limit - frame._gas_meter.gas_remaining
    refund = min(frame.get_gas_refund(), used // REFUND_QUOTIENT)
    return int(max(used - refund, floor_gas(tx.data)))


def _warm_up(state: ReferenceState, tx: Transaction, sender: Address) -> None:
    state.mark_address_warm(sender)
    state.mark_address_warm(state.coinbase)
    if tx.to is not None:
        state.mark_address_warm(tx.to)
    for at, slots in tx.access_list:
        state.mark_address_warm(at)
        for slot in slots:
            state.mark_storage_warm(at, int.from_bytes(slot, "big"))


def _message_of(
    state: ReferenceState, tx: Transaction, sender: Address, refund: int
) -> Message:
    gas = tx.gas_limit - intrinsic_gas(tx)
    if tx.to is None:
        message = Message(gas, Address(b""), sender, tx.value, b"", tx.data)
        message.storage_address = generate_contract_address(
            sender, state.get_nonce(sender) - 1
        )
    else:
        code = state.get_code(tx.to)
        message = Message(gas, tx.to, sender, tx.value, tx.data, code)
        if is_delegation(code):
            target = Address(code[len(DELEGATION_PREFIX) :])
            state.mark_address_warm(target)
            message.code = state.get_code(target)
            message.code_address = target
            message.is_delegation = True
    message.refund = refund
    return message


def _authorize(state: ReferenceState, authorization: Authorization) -> int:
    """Apply one authorization; what is wrong with it is passed over. The refund."""
    chain_id = state.execution_context.chain_id
    if authorization.chain_id not in (0, chain_id) or authorization.nonce >= MAX_NONCE:
        return 0
    try:
        authority = authority_of(authorization)
    except SignatureError:
        return 0
    state.mark_address_warm(authority)
    code = state.get_code(authority)
    if code and not is_delegation(code):
        return 0
    if state.get_nonce(authority) != authorization.nonce:
        return 0
    refund = REFUND_AUTHORIZATION if state.account_exists(authority) else 0
    if authorization.address == ZERO_ADDRESS:
        state.delete_code(authority)
    else:
        state.set_code(authority, DELEGATION_PREFIX + authorization.address)
    state.increment_nonce(authority)
    return refund


def authority_of(authorization: Authorization) -> Address:
    """Who signed. Raises SignatureError."""
    if authorization.y_parity > 1 or authorization.s > HALF_ORDER:
        raise SignatureError("y parity or s is out of range")
    fields = [
        rlp.from_int(authorization.chain_id),
        authorization.address,
        rlp.from_int(authorization.nonce),
    ]
    words = authorization.r.to_bytes(32, "big") + authorization.s.to_bytes(32, "big")
    parity = bytes((authorization.y_parity,))
    return recover(keccak256(b"\x05" + rlp.encode(fields)), words + parity)


def reason_of(error: Exception) -> str:
    """Why a frame failed, in geth's words; "revert" for REVERT."""
    return REASONS.get(type(error), "execution failed")
