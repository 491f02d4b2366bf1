"""The block header of Prague, field by field as every Ethereum library reads it.

What this chain fixes: difficulty 0, nonce 0, no ommers, no withdrawals, no blobs, no
requests besides the empty list; `extra_data` is the hash of the validator set that
signs the next height; `prev_randao` follows from parent hash and height
(`prev_randao_of`).
Sources: execution-specs (Prague), EIP-4399, 4788, 4844, 4895, 7685.
"""

from dataclasses import dataclass, field, fields

from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32

EMPTY_OMMERS_HASH = keccak256(rlp.encode([]))
EMPTY_REQUESTS_HASH = Hash32(
    # sha256 of nothing, EIP-7685
    bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
)
PARENT_BEACON_BLOCK_ROOT = Hash32(bytes(32))
"""There is no beacon chain here: the root that EIP-4788 stores is zero."""


@dataclass(frozen=True, slots=True)
class Header:
    """One header; `digest` is the block hash. Integers are unsigned."""

    parent_hash: Hash32
    ommers_hash: Hash32
    coinbase: Address
    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    prev_randao: Hash32
    nonce: bytes
    base_fee_per_gas: int
    withdrawals_root: Hash32
    blob_gas_used: int
    excess_blob_gas: int
    parent_beacon_block_root: Hash32
    requests_hash: Hash32
    encoded: bytes = field(init=False, repr=False, compare=False)
    digest: Hash32 = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._keep(rlp.encode([_to_rlp(getattr(self, name)) for name in NAMES]))

    def _keep(self, encoded: bytes) -> None:
        object.__setattr__(self, "encoded", encoded)
        object.__setattr__(self, "digest", keccak256(encoded))

    @classmethod
    def decode(cls, data: bytes) -> "Header":
        """Parse canonical RLP of exactly 21 fields. Raises RlpError."""
        if len(data) > MAX_HEADER_BYTES:
            raise rlp.RlpError(f"a header of more than {MAX_HEADER_BYTES} bytes")
        raw = rlp.to_list(rlp.decode(data), len(NAMES))
        header = object.__new__(cls)
        for name, item, size in zip(NAMES, raw, SIZES, strict=True):
            object.__setattr__(header, name, _from_rlp(item, size))
        # There is one spelling of a header, so this is what encoding it would give.
        header._keep(bytes(data))
        return header


NAMES = tuple(f.name for f in fields(Header) if f.init)
# Length of each field in bytes; None is an integer of at most 32 bytes, -1 any bytes.
SIZES: tuple[int | None, ...] = (
    *(32, 32, 20, 32, 32, 32, 256, None, None, None, None, None, -1, 32, 8),
    *(None, 32, None, None, 32, 32),
)
MAX_EXTRA_DATA_BYTES = 32
MAX_HEADER_BYTES = 1_024
"""More than any 21 fields take; whatever is longer is not looked into."""


def _to_rlp(value: bytes | int) -> bytes:
    return rlp.from_int(value) if isinstance(value, int) else value


def _from_rlp(item: rlp.Decoded, size: int | None) -> bytes | int:
    if size is None:
        return rlp.to_int(item)
    raw = rlp.to_bytes(item, None if size < 0 else size)
    if size < 0 and len(raw) > MAX_EXTRA_DATA_BYTES:
        raise rlp.RlpError(f"extra data is longer than {MAX_EXTRA_DATA_BYTES} bytes")
    return raw


def prev_randao_of(parent_hash: Hash32, number: int) -> Hash32:
    """The prevRandao of block `number`: deterministic and predictable, no randomness.

    A contract must not draw lots with it; eth_call sees the same value.
    """
    return keccak256(parent_hash + number.to_bytes(8, "big"))
