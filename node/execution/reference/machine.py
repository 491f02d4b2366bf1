"""py-evm's Prague machine with its own bookkeeping made lean.

The opcodes, precompiles and gas rules are py-evm's. What is replaced is how a frame is
set up and how its loop runs: no log messages, no checks of types that are known, the
stack holds integers only, jump targets are found once for each code. Two faults of
py-evm are mended: it charges the initcode of a creation twice when the sender is also
the origin (possible since EIP-7702), and it looks at the size limit of initcode only
after the balance.
"""

import sys
import threading
import time
from math import inf
from typing import Any

from eth.abc import ComputationAPI, TransactionContextAPI
from eth.constants import GAS_CODEDEPOSIT
from eth.exceptions import (
    Halt,
    InsufficientFunds,
    VMError,
)
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.memory import Memory

from node.execution.reference.frame import Code, GasMeter, Message, Stack
from node.execution.reference.opcodes import OPCODES
from node.execution.reference.precompiles import seconds_of
from node.execution.reference.state import MAX_WORD, ReferenceState

STEPS_PER_CLOCK_READ = 1_000
GAS_MEMORY_WORD = 3
MEMORY_QUADRATIC = 512


# 1,024 frames deep, each of up to sixteen Python calls when it creates and is traced.
# They are calls of Python by Python, which take little room on the machine's own stack.
RECURSION_LIMIT = 20_000


class DeepRecursion:
    """Lets Python recurse as deep as the EVM does, while at least one thread is inside.

    The limit is the interpreter's: others may set it, as Hypothesis does for each test,
    and find their own again afterwards.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = sys.getrecursionlimit()
            sys.setrecursionlimit(max(self._before, RECURSION_LIMIT))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setrecursionlimit(self._before)


DEEP_RECURSION = DeepRecursion()


class TimeLimit(Exception):
    """A call ran longer than it may."""


class ReferenceComputation(PragueComputation):
    """One frame."""

    opcodes = OPCODES

    def __init__(
        self,
        state: ReferenceState,
        message: Message,
        transaction_context: TransactionContextAPI,
    ) -> None:
        self.state = state
        self.msg = message
        self.transaction_context = transaction_context
        self.code = Code(message.code)
        self.children: list[Any] = []
        self.accounts_to_delete: list[Any] = []
        self.beneficiaries: list[Any] = []
        self.contracts_created: list[Any] = []
        self._log_entries: list[Any] = []
        self._memory = Memory()
        meter = self._gas_meter = GasMeter(message.gas)
        stack = self._stack = Stack()
        # py-evm calls these as methods; bound here they cost one call less.
        self.consume_gas = meter.consume_gas
        self.return_gas = meter.return_gas
        self.refund_gas = meter.refund_gas
        self.stack_pop_ints = stack.pop_ints
        self.stack_pop_bytes = stack.pop_bytes
        self.stack_pop_any = stack.pop_ints
        self.stack_pop1_int = stack.pop1_int
        self.stack_pop1_bytes = stack.pop1_bytes
        self.stack_pop1_any = stack.pop1_int
        self.stack_push_int = stack.push_int
        self.stack_push_bytes = stack.push_bytes
        self.stack_swap = stack.swap
        self.stack_dup = stack.dup

    def prepare_child_message(
        self, gas: int, to: Any, value: int, data: Any, code: bytes, **more: Any
    ) -> Message:
        own = self.msg
        message = Message(
            gas, to, more.get("sender") or own.storage_address, value, data, code
        )
        message.depth = own.depth + 1
        message.storage_address = more.get("create_address") or to
        message.code_address = more.get("code_address") or to
        message.should_transfer_value = more.get("should_transfer_value", True)
        message.is_static = more.get("is_static", False)
        message.is_delegation = more.get("is_delegation", False)
        return message

    def extend_memory(self, start_position: int, size: int) -> None:
        if not size:
            return
        memory = self._memory._bytes
        end = start_position + size
        if end <= len(memory):
            return
        before, after = len(memory) // 32, (end + 31) // 32
        self.consume_gas(_memory_gas(after) - _memory_gas(before), "memory")
        self._memory.extend(start_position, size)

    def memory_write(self, start_position: int, size: int, value: bytes) -> None:
        if size:
            self._memory._bytes[start_position : start_position + size] = value

    # -- frames

    @classmethod
    def apply_message(
        cls,
        state: ReferenceState,
        message: Message,
        transaction_context: TransactionContextAPI,
        parent_computation: ComputationAPI | None = None,
    ) -> ComputationAPI:
        snapshot = state.snapshot()
        if message.should_transfer_value and message.value:
            if state.get_balance(message.sender) < message.value:
                raise InsufficientFunds("the balance does not cover the value")
            state.delta_balance(message.sender, -message.value)
            if state.get_balance(message.storage_address) + message.value > MAX_WORD:
                state.revert(snapshot)
                frame = cls(state, message, transaction_context)
                frame._error = VMError("the receiver's balance overflows")
                frame._gas_meter.gas_remaining = 0
                return frame
            state.delta_balance(message.storage_address, message.value)
        else:
            state.touch_account(message.storage_address)
        frame = cls.apply_computation(
            state, message, transaction_context, parent_computation
        )
        if frame._error is not None:
            state.revert(snapshot)
        return frame

    @classmethod
    def apply_create_message(
        cls,
        state: ReferenceState,
        message: Message,
        transaction_context: TransactionContextAPI,
        parent_computation: ComputationAPI | None = None,
    ) -> ComputationAPI:
        snapshot = state.snapshot()
        state.increment_nonce(message.storage_address)
        frame = cls.apply_message(
            state, message, transaction_context, parent_computation
        )
        if frame._error is not None:
            state.revert(snapshot)
            return frame
        code = frame.output
        if code:
            try:
                cls.validate_contract_code(code)
                frame.consume_gas(len(code) * GAS_CODEDEPOSIT, "code deposit")
            except VMError as error:
                frame.error = error
                frame.output = b""
                frame._gas_meter.gas_remaining = 0
                state.revert(snapshot)
            else:
                state.set_code(message.storage_address, code)
        return frame

    @classmethod
    def apply_computation(
        cls,
        state: ReferenceState,
        message: Message,
        transaction_context: TransactionContextAPI,
        parent_computation: ComputationAPI | None = None,
    ) -> ComputationAPI:
        frame = cls(state, message, transaction_context)
        if parent_computation is not None:
            frame.contracts_created = parent_computation.contracts_created
        if message.is_create:
            frame.contracts_created.append(message.storage_address)
        try:
            precompile = cls._precompiles.get(message.code_address)
            if precompile is None:
                frame.run()
            elif not message.is_delegation:
                frame.check_time(message)
                precompile(frame)
        except VMError as error:
            frame._error = error
            if error.burns_gas:
                frame._gas_meter.gas_remaining = 0
            if error.erases_return_data:
                frame.return_data = b""
        return frame

    def check_time(self, message: Message) -> None:
        """Raises TimeLimit for a precompile that the deadline leaves no time for."""
        deadline = self.state.deadline
        if deadline != inf:
            needed = seconds_of(message.code_address, message.data, message.gas)
            if time.monotonic() + needed > deadline:
                raise TimeLimit

    def run(self) -> None:
        """Execute the code until it halts. Raises VMError and TimeLimit."""
        code = self.code
        padded = code.padded
        opcodes = self.opcodes
        try:
            while True:
                if time.monotonic() > self.state.deadline:
                    raise TimeLimit
                for _ in range(STEPS_PER_CLOCK_READ):
                    at = code.program_counter
                    code.program_counter = at + 1
                    opcodes[padded[at]](self)
        except Halt:
            return


def _memory_gas(words: int) -> int:
    return words * GAS_MEMORY_WORD + words * words // MEMORY_QUADRATIC


ReferenceState.computation_class = ReferenceComputation
