"""What a dev chain asks of an executor beyond the contract: state writes and undo.

A dev chain changes accounts by decree, goes back in time and sends transactions of
accounts whose keys nobody has. An executor that can do this offers `DevExecutor`; a
consensus node never asks for one. Edits change the state after the newest committed
block in place: its view and the next block see them, its header keeps its old root (so
proofs of an edited state do not match the header until the next block).

A transaction without a signature is encoded with a mark in the place of one: s is
MARK_S and r the sender. Nobody can sign so by accident; the composition of the dev
chain lets such bytes in only from its own methods.
"""

from collections.abc import Mapping
from typing import Protocol

from node.chain.genesis import Genesis, GenesisAccount
from node.chain.transaction import Transaction, decode_transaction
from node.execution.executor import AccountOverride, Executor
from node.execution.select import choose
from node.primitives.keccak import keccak256
from node.primitives.types import Address

MARK_S = int.from_bytes(keccak256(b"chandlery/impersonated/1"), "big") >> 2
"""Below half of the curve's order, so that the form of a signature is kept."""
MARK = MARK_S.to_bytes(32, "big")


class DevExecutor(Executor, Protocol):
    """An executor that also obeys a dev chain. One thread at a time, like `build`."""

    @property
    def held(self) -> tuple[int, ...]:
        """Sizes of what is kept, layers first: going back gives all of it up."""
        ...

    def edit(self, changes: Mapping[Address, AccountOverride]) -> None:
        """Change accounts in the newest state; pending blocks are forgotten."""
        ...

    def mark(self) -> int:
        """The newest state, edits included, as something to come back to; O(1)."""
        ...

    def rewind(self, mark: int) -> None:
        """Make the marked state the newest; later marks are void."""
        ...

    def dump(self) -> dict[Address, GenesisAccount]:
        """Every account of the newest state."""
        ...

    def set_chain_id(self, chain_id: int) -> None:
        """From now on, transactions are for this chain and CHAINID says so."""
        ...


def is_marked(raw: bytes) -> bool:
    """Whether raw bytes of a transaction bear the mark."""
    return raw.endswith(MARK)


def decode_marked(raw: bytes) -> tuple[Transaction, Address]:
    """The transaction and who sends it. Raises ValueError."""
    tx = decode_transaction(raw)
    if tx.s != MARK_S or tx.r >= 1 << 160:
        raise ValueError("the mark is not at its place")
    return tx, Address(tx.r.to_bytes(20, "big"))


def open_dev_executor(kind: str, genesis: Genesis) -> DevExecutor:
    """An executor in memory for a dev chain. Raises ExecutorUnavailable."""
    if choose(kind) == "native":
        from node.execution.native_dev import NativeDevExecutor

        native: DevExecutor = NativeDevExecutor(genesis)
        return native
    from node.execution.pyevm_dev import PyEvmDevExecutor

    return PyEvmDevExecutor(genesis)
