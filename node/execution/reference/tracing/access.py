"""What a run names: the steps of eth_createAccessList.

Source: go-ethereum eth/tracers/logger/access_list_tracer.go.
"""

from collections.abc import Mapping, Set
from typing import Any

from node.execution.reference.opcodes import Opcode
from node.execution.reference.tracing.stepping import (
    ADDRESS_MASK,
    CALLS,
    NAMING_FIRST,
    SLOAD,
    SSTORE,
    stepping,
)

CALL_OPERANDS = 5  # from which on a call counts, fewer than some of them have


class AccessTracer:
    """The accounts and slots that opcodes name, in calls that fail too: `named` begins
    with what is given and grows."""

    def __init__(self, excluded: Set[bytes], named: Mapping[bytes, Set[int]]) -> None:
        self._excluded = excluded
        self.named = {at: set(slots) for at, slots in named.items()}
        self.machine = stepping(self._step)

    def _step(self, frame: Any, opcode: int, execute: Opcode) -> None:
        values = frame._stack.values
        if opcode in (SLOAD, SSTORE) and values:
            self.named.setdefault(frame.msg.storage_address, set()).add(values[-1])
        elif opcode in NAMING_FIRST and values:
            self._name(values[-1])
        elif opcode in CALLS and len(values) >= CALL_OPERANDS:
            self._name(values[-2])
        execute(frame)

    def _name(self, word: int) -> None:
        at = (word & ADDRESS_MASK).to_bytes(20, "big")
        if at not in self._excluded:
            self.named.setdefault(at, set())
