"""The state that grows from call to call: one that exists, and what differs from it.

A view runs calls on overrides laid over its state. What a call changed becomes an
override of the next one, so that a simulation needs nothing of an executor that
eth_call and its tracers do not need.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from node.execution.executor import AccountOverride, StateView
from node.primitives.types import Address

GONE = AccountOverride(balance=0, nonce=0, code=b"", state={})
"""An account that destroyed itself in the transaction that made it."""


@dataclass(slots=True)
class GrowingState:
    """A view and the overrides so far."""

    view: StateView
    overrides: dict[Address, AccountOverride] = field(default_factory=dict)

    def balance(self, at: Address) -> int:
        """In wei."""
        known = self.overrides.get(at)
        if known is None or known.balance is None:
            return self.view.balance(at)
        return known.balance

    def nonce(self, at: Address) -> int:
        """The next nonce."""
        known = self.overrides.get(at)
        return (
            self.view.nonce(at) if known is None or known.nonce is None else known.nonce
        )

    def code(self, at: Address) -> bytes:
        """Empty when there is none."""
        known = self.overrides.get(at)
        if known is None or known.code is None:
            return self.view.code(at)
        return known.code

    def lay(self, changes: Mapping[Address, AccountOverride]) -> None:
        """State overrides of a block, over everything before it."""
        for at, change in changes.items():
            known = self.overrides.get(at, AccountOverride())
            has_state = change.state is not None
            self.overrides[at] = AccountOverride(
                balance=known.balance if change.balance is None else change.balance,
                nonce=known.nonce if change.nonce is None else change.nonce,
                code=known.code if change.code is None else change.code,
                state=change.state if has_state else known.state,
                state_diff=change.state_diff
                if has_state
                else {**known.state_diff, **change.state_diff},
            )

    def grow(self, touched: Mapping[str, Any]) -> None:
        """What a run changed, as `TOUCH_TRACER` tells it."""
        for text, entry in touched["accounts"].items():
            at = Address(bytes.fromhex(text[2:]))
            before, after = entry["before"], entry["after"]
            known = self.overrides.get(at, AccountOverride())
            if after is None:
                if before != {"balance": "0x0", "nonce": "0x0", "code": "0x"}:
                    self.overrides[at] = GONE
                continue
            changed = {
                int(slot, 16): int(new, 16)
                for slot, (old, new) in entry["slots"].items()
                if old != new
            }
            if after == before and not changed:
                continue
            code = known.code
            if after["code"] != before["code"]:
                code = bytes.fromhex(after["code"][2:])
            self.overrides[at] = replace(
                known,
                balance=int(after["balance"], 16),
                nonce=int(after["nonce"], 16),
                code=code,
                state_diff={**known.state_diff, **changed},
            )
