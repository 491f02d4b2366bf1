"""Blocks of the height at work that were executed here: bytes, reference and result.

Bounded: many rounds may each bring a block. The oldest is let go, except what is
prepared (its body is durable too). What was let go is executed again at need.
"""

from dataclasses import dataclass

from node.chain.block import Block
from node.consensus.messages import BlockReference
from node.execution.executor import Executed
from node.primitives.types import Hash32

MAX_BODIES = 12
"""Below the executor's MAX_PENDING_BLOCKS, with room for blocks that sync applies."""


@dataclass(frozen=True, slots=True)
class Body:
    """One executed block."""

    reference: BlockReference
    block: bytes
    raws: tuple[bytes, ...]
    executed: Executed

    @property
    def height(self) -> int:
        """The block's number."""
        return self.reference.header.number


def reference_of(block: Block) -> BlockReference:
    """A block by its header and the hashes of its transactions."""
    return BlockReference(block.header, tuple(block.transaction_hashes()))


class Bodies:
    """By digest, oldest first."""

    def __init__(self) -> None:
        self._bodies: dict[Hash32, Body] = {}
        self._pinned: dict[Hash32, None] = {}

    def get(self, digest: Hash32) -> Body | None:
        """An executed block."""
        return self._bodies.get(digest)

    def add(self, body: Body) -> list[Hash32]:
        """Keep it; the digests that were let go for it."""
        self._bodies[body.reference.digest] = body
        over = len(self._bodies) - MAX_BODIES
        loose = [digest for digest in self._bodies if digest not in self._pinned]
        gone = loose[: max(over, 0)]
        for digest in gone:
            del self._bodies[digest]
        return gone

    def pin(self, digest: Hash32) -> None:
        """It is prepared: keep it until its height is final."""
        self._pinned[digest] = None

    def find(self, wanted: dict[Hash32, None]) -> dict[Hash32, bytes]:
        """Transactions of these blocks by hash, as far as they are here."""
        found = {}
        for body in self._bodies.values():
            hashes = body.reference.transaction_hashes
            for transaction_hash, raw in zip(hashes, body.raws, strict=True):
                if transaction_hash in wanted:
                    found[transaction_hash] = raw
        return found

    def forget_through(self, height: int) -> None:
        """Everything up to this height is final or void."""
        self._bodies = {d: b for d, b in self._bodies.items() if b.height > height}
        self._pinned = {d: None for d in self._pinned if d in self._bodies}
