"""geth's callTracer: the tree of calls.

Source: go-ethereum eth/tracers/native/call.go.
"""

from collections.abc import Mapping
from typing import Any

from node.execution.reference.machine import ReferenceComputation
from node.execution.reference.opcodes import Opcode
from node.execution.reference.runner import Outcome, reason_of
from node.execution.reference.tracing.stepping import (
    ADDRESS_MASK,
    CALLS,
    CREATES,
    SELFDESTRUCT,
    PlainTracer,
    stepping,
)

LOGS = range(0xA0, 0xA5)


class CallTracer(PlainTracer):
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


def _calling(tracer: CallTracer) -> type[ReferenceComputation]:
    """A machine that tells the tracer of frames."""

    def step(frame: Any, opcode: int, execute: Opcode) -> None:
        values = frame._stack.values
        if opcode in CALLS and len(values) >= 2:
            frame.target = (values[-2] & ADDRESS_MASK).to_bytes(20, "big")
        if opcode == SELFDESTRUCT and values and not frame.msg.is_static:
            tracer.destruct(frame, values[-1])
        execute(frame)
        if opcode in LOGS:
            tracer.log(frame._log_entries[-1])

    base = stepping(step)

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


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()
