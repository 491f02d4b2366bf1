"""A machine that tells of every step.

Each trace makes a machine class of its own, so that a machine that traces nothing pays
nothing. A call that fails before its frame exists (too deep, too little balance) leaves
no entry of its own.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

from eth.exceptions import Halt

from node.execution.reference.machine import ReferenceComputation, TimeLimit
from node.execution.reference.opcodes import Opcode
from node.execution.reference.runner import Outcome
from node.execution.reference.state import ReferenceState
from node.execution.validation import Admitted

SLOAD, SSTORE, SELFDESTRUCT = 0x54, 0x55, 0xFF
CALLS = {0xF1: "CALL", 0xF2: "CALLCODE", 0xF4: "DELEGATECALL", 0xFA: "STATICCALL"}
CREATES = {0xF0: "CREATE", 0xF5: "CREATE2"}
NAMING_FIRST = (0x31, 0x3B, 0x3C, 0x3F, SELFDESTRUCT)  # BALANCE, EXTCODE*
ADDRESS_MASK = 2**160 - 1


class TraceError(ValueError):
    """The tracer is unknown, or the trace is too long; says what to do."""


class Tracer(Protocol):
    """One trace of one transaction."""

    machine: type[ReferenceComputation]

    def begin(self, state: ReferenceState, admitted: Admitted) -> None:
        """The transaction is about to run; nothing is paid yet."""
        ...

    def answer(self, outcome: Outcome) -> dict[str, Any]:
        """What the tracer has to say; the state is that after the transaction."""
        ...


class PlainTracer:
    """What needs no look at the state before the run."""

    def begin(self, state: ReferenceState, admitted: Admitted) -> None:
        """See Tracer."""


Step = Callable[[Any, int, Opcode], None]


def stepping(step: Step) -> type[ReferenceComputation]:
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
                    step(self, opcode, self.opcodes[opcode])
                except Halt:
                    return

    return SteppingComputation
