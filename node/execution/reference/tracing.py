"""What the machine does, step by step: geth's struct logger and its callTracer.

Each trace makes a machine class of its own, so that a machine that traces nothing pays
nothing. Answers have geth's shape; they hold at most MAX_STEPS steps. A call that fails
before its frame exists (too deep, too little balance) leaves no entry of its own.
Sources: go-ethereum eth/tracers/logger/logger.go and eth/tracers/native/call.go.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from eth.exceptions import Halt, VMError
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES

from node.execution.executor import TracerConfig
from node.execution.reference.machine import ReferenceComputation, TimeLimit
from node.execution.reference.runner import Outcome, reason_of

MAX_STEPS = 500_000
SLOAD, SSTORE, SELFDESTRUCT = 0x54, 0x55, 0xFF
CALLS = {0xF1: "CALL", 0xF2: "CALLCODE", 0xF4: "DELEGATECALL", 0xFA: "STATICCALL"}
RENAMED = {0x20: "KECCAK256", 0x44: "DIFFICULTY"}  # as geth has it
LOGS = range(0xA0, 0xA5)
CREATES = {0xF0: "CREATE", 0xF5: "CREATE2"}
NAMING_FIRST = (0x31, 0x3B, 0x3C, 0x3F, SELFDESTRUCT)  # BALANCE, EXTCODE*
ADDRESS_MASK = 2**160 - 1


class TraceError(ValueError):
    """The tracer is unknown, or the trace is too long; says what to do."""


class Tracer(Protocol):
    """One trace of one transaction."""

    machine: type[ReferenceComputation]

    def answer(self, outcome: Outcome) -> dict[str, Any]: ...


def tracer_for(config: TracerConfig, gas_limit: int) -> Tracer:
    """A fresh tracer; `gas_limit` is the transaction's. Raises TraceError."""
    if config.name in ("", "structLogger"):
        return StructLogger(config.options)
    if config.name == "callTracer":
        return CallTracer(config.options, gas_limit)
    raise TraceError(
        f"tracer {config.name!r} is not known: leave it out for the struct logger, or "
        "name callTracer"
    )


class StructLogger:
    """Every opcode, with gas, stack, and on demand memory, storage and return data."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._with_stack = not options.get("disableStack")
        self._with_storage = not options.get("disableStorage")
        self._with_memory = bool(options.get("enableMemory"))
        self._with_return_data = bool(options.get("enableReturnData"))
        self._limit = int(options.get("limit") or 0)
        self._storage: dict[bytes, dict[str, str]] = {}
        self._steps: list[dict[str, Any]] = []
        self.machine = _stepping(self._step)

    def answer(self, outcome: Outcome) -> dict[str, Any]:
        """The trace as geth returns it."""
        return {
            "gas": outcome.gas_used,
            "failed": bool(outcome.error),
            "returnValue": "0x" + outcome.output.hex(),
            "structLogs": self._steps,
        }

    def _step(self, frame: Any, opcode: int, execute: Callable[[], None]) -> None:
        entry = self._entry(frame, opcode)
        gas = frame._gas_meter.gas_remaining
        children = len(frame.children)
        try:
            execute()
        except VMError as error:
            if entry is not None:
                entry["error"] = reason_of(error)
            raise
        finally:
            if entry is not None:
                entry["gasCost"] = _cost(frame, gas, opcode, children)

    def _entry(self, frame: Any, opcode: int) -> dict[str, Any] | None:
        if self._limit and len(self._steps) >= self._limit:
            return None
        if len(self._steps) >= MAX_STEPS:
            raise TraceError(f"more than {MAX_STEPS} steps: set the option limit")
        values = frame._stack.values
        entry: dict[str, Any] = {
            "pc": frame.code.program_counter - 1,
            "op": _name(opcode),
            "gas": frame._gas_meter.gas_remaining,
            "gasCost": 0,
            "depth": frame.msg.depth + 1,
        }
        if self._with_stack:
            entry["stack"] = [hex(value) for value in values]
        if self._with_memory:
            entry["memory"] = _words(frame._memory._bytes)
        if self._with_return_data and frame.return_data:
            entry["returnData"] = "0x" + bytes(frame.return_data).hex()
        if self._with_storage and opcode == SSTORE and len(values) >= 2:
            self._note(frame, entry, values[-1], values[-2])
        elif self._with_storage and opcode == SLOAD and values:
            value = frame.state.get_storage(frame.msg.storage_address, values[-1])
            self._note(frame, entry, values[-1], value)
        self._steps.append(entry)
        return entry

    def _note(self, frame: Any, entry: dict[str, Any], slot: int, value: int) -> None:
        storage = self._storage.setdefault(frame.msg.storage_address, {})
        storage[f"0x{slot:064x}"] = f"0x{value:064x}"
        entry["storage"] = dict(storage)


class CallTracer:
    """The tree of calls, with logs on demand."""

    def __init__(self, options: Mapping[str, Any], gas_limit: int) -> None:
        self._only_top = bool(options.get("onlyTopCall"))
        self._with_logs = bool(options.get("withLog"))
        self._gas_limit = gas_limit
        self._open: list[dict[str, Any]] = []
        self._root: dict[str, Any] = {}
        self.machine = _calling(self)

    def answer(self, outcome: Outcome) -> dict[str, Any]:
        """The trace as geth returns it."""
        root = self._root
        root["gas"] = hex(self._gas_limit)
        root["gasUsed"] = hex(outcome.gas_used)
        if self._only_top:
            root.pop("calls", None)
        return root

    def enter(self, message: Any, parent: Any) -> None:
        """A frame begins."""
        opcode = getattr(parent, "current", None)
        node = _call_node(message, parent, opcode)
        if self._open:
            self._open[-1].setdefault("calls", []).append(node)
        else:
            self._root = node
        self._open.append(node)

    def leave(self, frame: Any, message: Any) -> None:
        """A frame ended, or could not begin (`frame` is None)."""
        node = self._open.pop()
        if frame is None:
            return
        node["gasUsed"] = hex(message.gas - frame.get_gas_remaining())
        output = frame.output
        if output:
            node["output"] = "0x" + output.hex()
        if frame._error is not None:
            if message.is_create:
                node.pop("to")
            reason = reason_of(frame._error)
            node["error"] = "execution reverted" if reason == "revert" else reason
            _forget_logs(node)

    def log(self, entry: Any) -> None:
        """A log; its position is the number of calls before it in the frame."""
        if self._with_logs:
            node = self._open[-1]
            position = len(node.get("calls", ()))
            node.setdefault("logs", []).append(_log_node(entry, position))

    def destruct(self, frame: Any, beneficiary: int) -> None:
        """SELFDESTRUCT appears as a call that moves the balance."""
        at = frame.msg.storage_address
        self._open[-1].setdefault("calls", []).append(
            {
                "type": "SELFDESTRUCT",
                "from": _hex(at),
                "to": f"0x{beneficiary & ADDRESS_MASK:040x}",
                "value": hex(frame.state.get_balance(at)),
                "gas": "0x0",
                "gasUsed": "0x0",
                "input": "0x",
            }
        )


class AccessTracer:
    """The accounts and slots that opcodes name, in calls that fail too, as geth lists
    them for eth_createAccessList."""

    def __init__(self) -> None:
        self.touched: dict[bytes, set[int]] = {}
        self.machine = _stepping(self._step)

    def _step(self, frame: Any, opcode: int, execute: Callable[[], None]) -> None:
        values = frame._stack.values
        if opcode in (SLOAD, SSTORE) and values:
            self.touched.setdefault(frame.msg.storage_address, set()).add(values[-1])
        elif opcode in NAMING_FIRST and values:
            self._touch(values[-1])
        elif opcode in CALLS and len(values) >= 5:
            self._touch(values[-2])
        execute()

    def _touch(self, word: int) -> None:
        self.touched.setdefault((word & ADDRESS_MASK).to_bytes(20, "big"), set())


Step = Callable[[Any, int, Callable[[], None]], None]


def _stepping(step: Step) -> type[ReferenceComputation]:
    """A machine that hands every opcode to `step`."""

    class SteppingComputation(ReferenceComputation):
        current: int | None = None

        def run(self) -> None:
            if not self.code.raw:
                return
            for opcode in self.code:
                if time.monotonic() > self.state.deadline:
                    raise TimeLimit
                self.current = opcode
                try:
                    step(self, opcode, partial(self.opcodes[opcode], self))
                except Halt:
                    return

    return SteppingComputation


def _calling(tracer: CallTracer) -> type[ReferenceComputation]:
    """A machine that tells the tracer of frames."""

    def step(frame: Any, opcode: int, execute: Callable[[], None]) -> None:
        values = frame._stack.values
        if opcode in CALLS and len(values) >= 2:
            frame.target = (values[-2] & ADDRESS_MASK).to_bytes(20, "big")
        if opcode == SELFDESTRUCT and values and not frame.msg.is_static:
            tracer.destruct(frame, values[-1])
        execute()
        if opcode in LOGS:
            tracer.log(frame._log_entries[-1])

    base = _stepping(step)

    class CallingComputation(base):  # type: ignore[valid-type, misc]
        @classmethod
        def apply_message(
            cls, state: Any, message: Any, context: Any, parent_computation: Any = None
        ) -> Any:
            run = super().apply_message
            if message.is_create:  # told by apply_create_message
                return run(state, message, context, parent_computation)
            return cls._told(run, state, message, context, parent_computation)

        @classmethod
        def apply_create_message(
            cls, state: Any, message: Any, context: Any, parent_computation: Any = None
        ) -> Any:
            run = super().apply_create_message
            return cls._told(run, state, message, context, parent_computation)

        @classmethod
        def _told(
            cls, run: Any, state: Any, message: Any, context: Any, parent: Any
        ) -> Any:
            tracer.enter(message, parent)
            frame = None
            try:
                frame = run(state, message, context, parent)
            finally:
                tracer.leave(frame, message)
            return frame

    return CallingComputation


def _call_node(message: Any, parent: Any, opcode: int | None) -> dict[str, Any]:
    if opcode is None:
        kind = "CREATE" if message.is_create else "CALL"
    else:
        kind = CALLS.get(opcode) or CREATES[opcode]
    sender, target = message.sender, message.storage_address
    if kind in ("DELEGATECALL", "CALLCODE"):
        sender, target = parent.msg.storage_address, parent.target
    node = {
        "type": kind,
        "from": _hex(sender),
        "to": _hex(target),
        "gas": hex(message.gas),
        "gasUsed": "0x0",
        "input": _hex(message.code if message.is_create else message.data),
    }
    if kind != "STATICCALL":
        node["value"] = hex(message.value)
    return node


def _forget_logs(node: dict[str, Any]) -> None:
    """A failed frame and all below it logged nothing."""
    node.pop("logs", None)
    for child in node.get("calls", ()):
        _forget_logs(child)


def _log_node(entry: Any, position: int) -> dict[str, Any]:
    index, at, topics, data = entry
    return {
        "address": _hex(at),
        "topics": [f"0x{topic:064x}" for topic in topics],
        "data": _hex(data),
        "index": hex(index),
        "position": hex(position),
    }


def _cost(frame: Any, gas: int, opcode: int, children: int) -> int:
    """What geth calls the gas cost: for a call what it forwards is part of it, for a
    creation it is not."""
    cost: int = gas - frame._gas_meter.gas_remaining
    if len(frame.children) == children:
        return cost
    child = frame.children[-1]
    cost += child.get_gas_remaining()
    if opcode in CREATES:
        cost -= child.msg.gas
    return cost


def _words(memory: bytearray) -> list[str]:
    return [f"0x{memory[at : at + 32].hex()}" for at in range(0, len(memory), 32)]


def _name(opcode: int) -> str:
    entry = PRAGUE_OPCODES.get(opcode)
    if entry is None:
        return "INVALID" if opcode == 0xFE else f"opcode 0x{opcode:x} not defined"
    name = str(getattr(entry, "__wrapped__", entry).mnemonic)
    return RENAMED.get(opcode, name)


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()
