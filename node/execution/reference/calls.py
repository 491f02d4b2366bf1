"""Calls that change nothing: eth_call, gas estimates and access lists.

As geth runs them: nonce and sender's code are not checked; fees of 0 skip the base fee
and the funds for gas, and then BASEFEE reads 0; the intrinsic gas and the floor of
EIP-7623 count. A call may run for CALL_TIME_S.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace

from eth._utils.address import generate_contract_address
from eth.exceptions import InsufficientFunds

from node.chain.transaction import (
    DYNAMIC_FEE,
    Authorization,
    Transaction,
    decode_authorization,
)
from node.execution.executor import AccountOverride, Call, CallResult
from node.execution.reference.machine import (
    DEEP_RECURSION,
    ReferenceComputation,
    TimeLimit,
)
from node.execution.reference.runner import Outcome, authority_of, run_transaction
from node.execution.reference.state import BlockContext, ReferenceState
from node.execution.reference.tracing.access import AccessTracer
from node.execution.reference.world import Account, World
from node.execution.validation import (
    GAS_TRANSACTION,
    MAX_INITCODE_BYTES,
    MAX_NONCE,
    Admitted,
    floor_gas,
    intrinsic_gas,
)
from node.primitives import rlp
from node.primitives.secp256k1 import SignatureError
from node.primitives.types import ZERO_HASH, Address, Hash32

CALL_TIME_S = 5.0
MAX_ACCESS_LIST_RUNS = 32
CALL_STIPEND = 2_300

AccessList = tuple[tuple[Address, tuple[int, ...]], ...]
NewWorld = Callable[[], World]


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished call; `outcome` is None when it could not begin."""

    result: CallResult
    outcome: Outcome | None
    refund: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Runs calls on one state; each on a fresh world."""

    new_world: NewWorld
    context: BlockContext
    overrides: Mapping[Address, AccountOverride]
    computation: type[ReferenceComputation] = ReferenceComputation
    deadline: float | None = None
    on_start: Callable[[ReferenceState, Admitted], None] | None = None

    def run(self, call: Call) -> Ran:
        """One run."""
        world = self.new_world()
        override(world, self.overrides)
        state = ReferenceState(world, self._context_for(call))
        state.computation_class = self.computation
        state.deadline = self.deadline or time.monotonic() + CALL_TIME_S
        try:
            tx = transaction_of(call, self.context.chain_id)
        except rlp.RlpError as error:
            return _failed(f"authorization is not decodable: {error}")
        problem = _problem(world, call, tx, state.execution_context)
        if problem:
            return _failed(problem)
        admitted = Admitted(tx, call.sender)
        if self.on_start is not None:
            self.on_start(state, admitted)
        return _run(state, admitted, call)

    def estimate_gas(self, call: Call) -> int | CallResult:
        """The smallest gas limit that suffices, or the failing result."""
        limited = replace(self, deadline=time.monotonic() + CALL_TIME_S)
        return limited._estimate(call)

    def access_list(self, call: Call) -> tuple[CallResult, AccessList]:
        """What the call touches, found by running it until the list is stable. Of a
        call that cannot begin or runs too long, what was found until then."""
        limited = replace(self, deadline=time.monotonic() + CALL_TIME_S)
        excluded = self._warm_anyway(call)
        named = _given(call.access_list, excluded)
        for _ in range(MAX_ACCESS_LIST_RUNS):
            tracer = AccessTracer(excluded, named)
            again = replace(limited, computation=tracer.machine)
            listed = _list_of(named)
            ran = again.run(replace(call, access_list=listed))
            if ran.outcome is None or tracer.named == named:
                return ran.result, listed
            named = tracer.named
        error = (
            f"the access list still grew after {MAX_ACCESS_LIST_RUNS} runs: "
            "give it the list so far"
        )
        return CallResult(b"", 0, error), _list_of(named)

    def _context_for(self, call: Call) -> BlockContext:
        if call.gas_price:
            return self.context
        return replace(self.context, base_fee_per_gas=0)

    def _estimate(self, call: Call) -> int | CallResult:
        high = self._highest_gas(call)
        ran = self.run(replace(call, gas=high))
        if ran.result.error:
            return _too_little(ran, high)
        low = ran.result.gas_used - 1
        hint = (ran.result.gas_used + ran.refund + CALL_STIPEND) * 64 // 63
        if hint < high:
            if self._suffices(call, hint):
                high = hint
            else:
                low = hint
        while low + 1 < high:
            middle = min((high + low) // 2, low * 2)
            if self._suffices(call, middle):
                high = middle
            else:
                low = middle
        return high

    def _suffices(self, call: Call, gas: int) -> bool:
        result = self.run(replace(call, gas=gas)).result
        if result.error == TIMED_OUT:
            raise TimeLimit
        return not result.error

    def _highest_gas(self, call: Call) -> int:
        high = min(call.gas, self.context.gas_limit)
        if not call.gas_price:
            return max(high, GAS_TRANSACTION)
        world = self.new_world()
        override(world, self.overrides)
        funds = world.get(call.sender).balance - call.value
        return max(min(high, funds // call.gas_price), 0)

    def _warm_anyway(self, call: Call) -> set[bytes]:
        """The accounts of the transaction, the coinbase (EIP-3651), the precompiles and
        who signed authorizations that may hold."""
        warm: set[bytes] = {call.sender, self.context.coinbase}
        warm.add(call.to if call.to is not None else self._created(call))
        warm |= set(ReferenceComputation.get_precompiles())
        chain_id = self.context.chain_id
        with contextlib.suppress(rlp.RlpError):  # the run says so
            for signed in transaction_of(call, chain_id).authorizations:
                if signed.chain_id in (0, chain_id) and signed.nonce < MAX_NONCE:
                    with contextlib.suppress(SignatureError):
                        warm.add(authority_of(signed))
        return warm

    def _created(self, call: Call) -> bytes:
        world = self.new_world()
        override(world, self.overrides)
        address: bytes = generate_contract_address(
            call.sender, world.get(call.sender).nonce
        )
        return address


def _given(access_list: AccessList, excluded: Set[bytes]) -> Mapping[bytes, set[int]]:
    """The list that the caller gave, without what is warm anyway."""
    named: dict[bytes, set[int]] = {}
    for at, slots in access_list:
        if slots or at not in excluded:
            named.setdefault(at, set()).update(slots)
    return named


def _list_of(named: Mapping[bytes, set[int]]) -> AccessList:
    return tuple((Address(at), tuple(sorted(named[at]))) for at in sorted(named))


TIMED_OUT = f"execution timeout: the call ran longer than {CALL_TIME_S:g} s"


def override(world: World, overrides: Mapping[Address, AccountOverride]) -> None:
    """Lay overrides over the state, as if they had been there before."""
    for at, change in overrides.items():
        nonce, balance, root, code_hash = world.get(at)
        account = Account(
            nonce if change.nonce is None else change.nonce,
            balance if change.balance is None else change.balance,
            root,
            code_hash,
        )
        world.set(at, account)
        if change.code is not None:
            world.set_code(at, change.code)
        if change.state is not None:
            world.wipe(at)
        for slots in (change.state or {}, change.state_diff):
            for slot, value in slots.items():
                world.set_slot(at, slot, value)
    world.settle()


def transaction_of(call: Call, chain_id: int) -> Transaction:
    """The call as an unsigned transaction. Raises RlpError."""
    authorizations: tuple[Authorization, ...] = tuple(
        decode_authorization(rlp.decode(raw)) for raw in call.authorizations
    )
    return Transaction(
        type=DYNAMIC_FEE,
        chain_id=chain_id,
        nonce=0,
        priority_fee=call.gas_price,
        max_fee=call.gas_price,
        gas_limit=call.gas,
        to=call.to,
        value=call.value,
        data=call.data,
        access_list=tuple(
            (at, tuple(Hash32(slot.to_bytes(32, "big")) for slot in slots))
            for at, slots in call.access_list
        ),
        authorizations=authorizations,
        v=0,
        r=0,
        s=0,
        hash=ZERO_HASH,
    )


def _run(state: ReferenceState, admitted: Admitted, call: Call) -> Ran:
    try:
        with DEEP_RECURSION:
            outcome = run_transaction(state, admitted)
            refund = outcome.frame.get_gas_refund()
    except TimeLimit:
        return _failed(TIMED_OUT, call.gas)
    except InsufficientFunds as error:
        return _failed(str(error))
    return Ran(_result_of(outcome), outcome, refund)


def _result_of(outcome: Outcome) -> CallResult:
    return CallResult(
        output=outcome.output,
        gas_used=outcome.gas_used,
        error=outcome.error,
        logs=tuple((log.address, log.topics, log.data) for log in outcome.logs),
    )


def _problem(world: World, call: Call, tx: Transaction, context: BlockContext) -> str:
    """Why the call cannot even begin; empty when it can."""
    if call.gas_price and call.gas_price < context.base_fee_per_gas:
        return (
            f"max fee per gas less than block base fee: {call.gas_price} "
            f"is below {context.base_fee_per_gas}"
        )
    balance = world.get(call.sender).balance
    if balance < call.value + call.gas * call.gas_price:
        return (
            "insufficient funds for gas * price + value: "
            f"the sender has {balance}, the call wants "
            f"{call.value + call.gas * call.gas_price}"
        )
    if call.to is None and len(call.data) > MAX_INITCODE_BYTES:
        return f"max initcode size exceeded: {len(call.data)} bytes"
    needed = max(intrinsic_gas(tx), floor_gas(tx.data))
    if call.gas < needed:
        return f"intrinsic gas too low: have {call.gas}, want {needed}"
    return ""


def _failed(error: str, gas_used: int = 0) -> Ran:
    return Ran(CallResult(b"", gas_used, error), None)


def _too_little(ran: Ran, gas: int) -> CallResult:
    result = ran.result
    if result.error in ("out of gas",) or result.error.startswith("intrinsic"):
        return replace(result, error=f"gas required exceeds allowance ({gas})")
    return result
