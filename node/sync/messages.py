"""What peers tell each other about blocks and about signatures they hold."""

from dataclasses import dataclass

from node.primitives.types import Address, Hash32

MAX_BLOCKS_PER_ANSWER = 128
MAX_ANSWER_BYTES = 4_000_000
MAX_OBSERVED_SIGNATURES = 16
MAX_BARE_BYTES = 2_000
"""A signed message without body and justification, a header at most."""


@dataclass(frozen=True, slots=True)
class GetBlocks:
    """Ask for certified blocks from `first` (a height) on, at most `count`."""

    request_id: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Answer: (encoded block, encoded commit certificate) in ascending height.

    Fewer than asked when the answer would be too large or the sender has no more.
    """

    request_id: int
    blocks: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class GetBlockByDigest:
    """Ask for one block that was proposed or prepared at `height`, final or not."""

    request_id: int
    height: int
    digest: Hash32


@dataclass(frozen=True, slots=True)
class BlockByDigest:
    """Answer: the encoded block, or empty when the sender has none of that digest."""

    request_id: int
    block: bytes


@dataclass(frozen=True, slots=True)
class GetSignatures:
    """A starting validator asks which newest signatures of its own others hold."""

    request_id: int
    validator: Address


@dataclass(frozen=True, slots=True)
class Signatures:
    """Answer: encoded consensus messages signed by that validator, newest height."""

    request_id: int
    messages: tuple[bytes, ...]
