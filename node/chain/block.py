"""A block: a header and the raw transactions, in standard Ethereum encoding.

Raw transactions are kept as bytes (EIP-2718 envelopes or legacy lists): on the hot path
Python copies them and never looks inside.
"""

from dataclasses import dataclass

from node.chain.header import Header
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Hash32

EMPTY_LIST = b"\xc0"
MAX_TRANSACTIONS = 131_072
"""Of one block, whoever made it: decoding takes time for each."""
PARTS = 4


@dataclass(frozen=True, slots=True)
class Block:
    """Header and raw transactions; ommers and withdrawals are always empty."""

    header: Header
    transactions: tuple[bytes, ...]

    @property
    def digest(self) -> Hash32:
        """The block hash."""
        return self.header.digest

    def encode(self) -> bytes:
        """RLP [header, transactions, ommers, withdrawals]."""
        items = (_embed(raw) for raw in self.transactions)
        return rlp.encode_list(
            (self.header.encoded, rlp.encode_list(items), EMPTY_LIST, EMPTY_LIST)
        )

    @classmethod
    def decode(cls, data: bytes) -> "Block":
        """Parse what `encode` makes. Raises RlpError."""
        parts = rlp.split_list(data, PARTS + 1)
        header, transactions, ommers, withdrawals = _four(parts)
        if ommers != EMPTY_LIST or withdrawals != EMPTY_LIST:
            raise rlp.RlpError("ommers and withdrawals must be empty")
        items = rlp.split_list(transactions, MAX_TRANSACTIONS)
        raws = tuple(_extract(item) for item in items)
        return cls(Header.decode(header), raws)

    def transaction_hashes(self) -> list[Hash32]:
        """Hash of each transaction, in order."""
        return [keccak256(raw) for raw in self.transactions]


def _four(parts: list[bytes]) -> list[bytes]:
    if len(parts) != PARTS:
        raise rlp.RlpError(f"a block has {PARTS} parts, not {len(parts)}")
    return parts


def _embed(raw: bytes) -> bytes:
    """A legacy transaction is a list already; a typed one becomes a byte string."""
    return raw if raw[:1] >= b"\xc0" else rlp.encode(raw)


def _extract(item: bytes) -> bytes:
    return item if item[:1] >= b"\xc0" else rlp.to_bytes(rlp.decode(item))
