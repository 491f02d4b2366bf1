"""geth's struct logger: every opcode, one entry each, at most MAX_STEPS.

Source: go-ethereum eth/tracers/logger/logger.go.
"""

from collections.abc import Mapping
from typing import Any

from eth.exceptions import VMError
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES

from node.execution.reference.opcodes import Opcode
from node.execution.reference.runner import Outcome, reason_of
from node.execution.reference.tracing.stepping import (
    CREATES,
    SLOAD,
    SSTORE,
    PlainTracer,
    TraceError,
    stepping,
)

MAX_STEPS = 500_000
RENAMED = {0x20: "KECCAK256", 0x44: "DIFFICULTY"}  # as geth has it


class StructLogger(PlainTracer):
    """Every opcode, with gas, stack, and on demand memory, storage and return data."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._with_stack = not options.get("disableStack")
        self._with_storage = not options.get("disableStorage")
        self._with_memory = bool(options.get("enableMemory"))
        self._with_return_data = bool(options.get("enableReturnData"))
        self._limit = int(options.get("limit") or 0)
        self._storage: dict[bytes, dict[str, str]] = {}
        self._steps: list[dict[str, Any]] = []
        self.machine = stepping(self._step)

    def answer(self, outcome: Outcome) -> dict[str, Any]:
        """The trace as geth returns it."""
        return {
            "gas": outcome.gas_used,
            "failed": bool(outcome.error),
            "returnValue": "0x" + outcome.output.hex(),
            "structLogs": self._steps,
        }

    def _step(self, frame: Any, opcode: int, execute: Opcode) -> None:
        entry = self._entry(frame, opcode)
        gas = frame._gas_meter.gas_remaining
        children = len(frame.children)
        try:
            execute(frame)
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
