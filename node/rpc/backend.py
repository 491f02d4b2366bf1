"""What the methods need of a node: reads of chain and state, submission, heads.

The composition root implements it over driver, store, pool and executor; the dev chain
over its own. Methods know nothing else, so that they are the same in both.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from node.chain.block import Block
from node.chain.header import Header
from node.chain.header_rules import HeaderRules
from node.execution.executor import StateView, TxInfo
from node.primitives.types import Address, Hash32

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Head:
    """A new final block with its receipts (RLP each)."""

    block: Block
    receipts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A raw transaction that the pool did not take, in geth's words."""

    hash: Hash32
    message: str


@dataclass(frozen=True, slots=True)
class PooledTransaction:
    """One waiting transaction; `executable` is False behind a nonce gap."""

    info: TxInfo
    raw: bytes
    executable: bool


class Backend(Protocol):
    """See the module's docstring. Heights are block numbers, digests block hashes."""

    chain_id: int
    client_version: str
    rules: HeaderRules

    def head(self) -> Header:
        """The newest final header."""
        ...

    def block(self, number: int) -> Block | None: ...

    def number_of(self, digest: Hash32) -> int | None:
        """The height of a final block."""
        ...

    def locate(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        """(height, position) of a transaction in a final block."""
        ...

    def receipts(self, number: int) -> tuple[bytes, ...] | None: ...

    def certificate(self, number: int) -> bytes | None:
        """The encoded commit certificate; None for genesis."""
        ...

    def senders(self, raws: Sequence[bytes]) -> list[Address]:
        """Recover senders in bulk; blocks."""
        ...

    def view(self, digest: Hash32) -> StateView:
        """State after a block. Raises UnknownState."""
        ...

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run a read that takes a while beside the loop."""
        ...

    def submit(self, raws: Sequence[bytes]) -> Awaitable[list[Hash32 | Refusal]]:
        """Give transactions to the pool; one answer each, in order."""
        ...

    def pooled(self, transaction_hash: Hash32) -> PooledTransaction | None: ...

    def pool_content(self) -> list[PooledTransaction]: ...

    def next_nonce(self, sender: Address) -> int | None:
        """The nonce after the sender's executable transactions; None without any."""
        ...

    def on_head(self, call: Callable[[Head], None]) -> Callable[[], None]:
        """Call for every head from now on, on the loop; returns how to stop it."""
        ...

    def on_pending(
        self, call: Callable[[tuple[Hash32, ...]], None]
    ) -> Callable[[], None]:
        """Call with the hashes that the pool admits, in batches."""
        ...

    def status(self) -> dict[str, Any]:
        """Round state, peers, sync: what `qbft_status` answers."""
        ...

    def evidence(self) -> list[dict[str, Any]]: ...

    def validators(self, number: int) -> tuple[Address, ...]:
        """The set that signs block `number` + 1, read from the state after it."""
        ...
