"""What a run touches: for prestateTracer and for simulations.

`TouchTracer` looks at an account or slot when it is first named, which is before
anything changes it, and again after the run. Its answer is that of
`node/execution/rust/src/touched.rs`. What is touched is what geth's prestateTracer
looks up (go-ethereum eth/tracers/native/prestate.go).
"""

import contextlib
from collections.abc import Callable
from typing import Any

from eth._utils.address import generate_contract_address
from eth.exceptions import VMError

from node.execution.reference.opcodes import Opcode
from node.execution.reference.runner import Outcome, authority_of
from node.execution.reference.state import ReferenceState
from node.execution.reference.tracing.stepping import (
    ADDRESS_MASK,
    CALLS,
    NAMING_FIRST,
    SLOAD,
    SSTORE,
    stepping,
)
from node.execution.validation import DELEGATION_PREFIX, Admitted, is_delegation
from node.primitives.secp256k1 import SignatureError
from node.primitives.types import Address

CALL_OPERANDS = 5  # from which on a call names somebody


class TouchTracer:
    """Accounts and slots, before the run and after it."""

    def __init__(self, gas_limit: int) -> None:
        self._gas_limit = gas_limit
        self._before: dict[Address, dict[str, str]] = {}
        self._slots: dict[Address, dict[int, int]] = {}
        self.machine = _creating(self)

    def begin(self, state: ReferenceState, admitted: Admitted) -> None:
        """Whom the transaction itself names."""
        tx, sender = admitted.tx, admitted.sender
        self.touch(state, sender)
        self.touch(state, state.coinbase)
        if tx.to is None:
            created = generate_contract_address(sender, state.get_nonce(sender))
            self.touch(state, Address(created))
        else:
            self._touch_called(state, tx.to)
        for authorization in tx.authorizations:
            with contextlib.suppress(SignatureError):
                self.touch(state, authority_of(authorization))

    def touch(self, state: ReferenceState, at: Address) -> None:
        """Note how an account is, unless that is known."""
        if at not in self._before:
            self._before[at] = _account(state, at)

    def _touch_called(self, state: ReferenceState, at: Address) -> None:
        """The account and the one whose code it runs (EIP-7702)."""
        self.touch(state, at)
        code = state.get_code(at)
        if is_delegation(code):
            self.touch(state, Address(code[len(DELEGATION_PREFIX) :]))

    def step(self, frame: Any, opcode: int, execute: Opcode) -> None:
        """Note what the opcode names, then run it; what it names counts only if it
        runs."""
        forget = self._note(frame, opcode)
        try:
            execute(frame)
        except VMError:
            forget()
            raise

    def _note(self, frame: Any, opcode: int) -> Callable[[], None]:
        """Look at what the opcode names; how to take that back."""
        values = frame._stack.values
        state = frame.state
        if opcode in (SLOAD, SSTORE) and values:
            at, slot = frame.msg.storage_address, values[-1]
            slots = self._slots.setdefault(at, {})
            if slot not in slots:
                slots[slot] = state.get_storage(at, slot)
                return lambda: _drop(slots, [slot])
        known = len(self._before)
        if opcode in NAMING_FIRST and values:
            self.touch(state, _address(values[-1]))
        elif opcode in CALLS and len(values) >= CALL_OPERANDS:
            self._touch_called(state, _address(values[-2]))
        added = list(self._before)[known:]
        return lambda: _drop(self._before, added)

    def answer(self, outcome: Outcome) -> dict[str, Any]:
        """See `touched.rs`."""
        state = outcome.frame.state
        gas = self._gas_limit - outcome.frame._gas_meter.gas_remaining
        accounts = {
            _hex(at): {
                "before": before,
                "after": _account(state, at) if state.account_exists(at) else None,
                "slots": {
                    hex(slot): [hex(value), hex(state.get_storage(at, slot))]
                    for slot, value in self._slots.get(at, {}).items()
                },
            }
            for at, before in self._before.items()
        }
        return {"gas": hex(gas), "accounts": accounts}


def _drop(known: dict[Any, Any], keys: list[Any]) -> None:
    for key in keys:
        known.pop(key, None)


def _creating(tracer: TouchTracer) -> Any:
    """A machine that tells the tracer of steps, and of accounts about to be made."""
    base = stepping(tracer.step)

    class TouchingComputation(base):  # type: ignore[valid-type, misc]
        @classmethod
        def apply_create_message(
            cls, state: Any, message: Any, context: Any, parent_computation: Any = None
        ) -> Any:
            tracer.touch(state, message.storage_address)
            run = super().apply_create_message
            return run(state, message, context, parent_computation)

    return TouchingComputation


def _account(state: ReferenceState, at: Address) -> dict[str, str]:
    return {
        "balance": hex(state.get_balance(at)),
        "nonce": hex(state.get_nonce(at)),
        "code": _hex(state.get_code(at)),
    }


def _address(word: int) -> Address:
    return Address((word & ADDRESS_MASK).to_bytes(20, "big"))


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()
