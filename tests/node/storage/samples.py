"""Blocks, records and bindings for tests of storage; nothing here is executed."""

from dataclasses import replace

from node.chain.block import Block
from node.chain.header import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    PARENT_BEACON_BLOCK_ROOT,
    Header,
    prev_randao_of,
)
from node.chain.signing import MessageCode
from node.chain.validators import ValidatorSet
from node.consensus.messages import Prepare, PreparedCertificate, Signed
from node.consensus.safety import SafetyRecord
from node.driver.ports import FinalBlock
from node.primitives.keccak import keccak256
from node.primitives.trie import EMPTY_TRIE_ROOT
from node.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, Signature
from node.storage.safety_frames import Binding

GENESIS_HASH = keccak256(b"genesis")
VALIDATORS = ValidatorSet.of([Address(bytes([n]) * 20) for n in (1, 2, 3, 4)])
BINDING = Binding(b"identity-16bytes", VALIDATORS.addresses[0], GENESIS_HASH)

GENESIS = Header(
    parent_hash=ZERO_HASH,
    ommers_hash=EMPTY_OMMERS_HASH,
    coinbase=ZERO_ADDRESS,
    state_root=keccak256(b"state"),
    transactions_root=EMPTY_TRIE_ROOT,
    receipts_root=EMPTY_TRIE_ROOT,
    logs_bloom=bytes(256),
    difficulty=0,
    number=0,
    gas_limit=30_000_000,
    gas_used=0,
    timestamp=1_700_000_000,
    extra_data=VALIDATORS.digest,
    prev_randao=keccak256(b"configuration"),
    nonce=bytes(8),
    base_fee_per_gas=0,
    withdrawals_root=EMPTY_TRIE_ROOT,
    blob_gas_used=0,
    excess_blob_gas=0,
    parent_beacon_block_root=PARENT_BEACON_BLOCK_ROOT,
    requests_hash=EMPTY_REQUESTS_HASH,
)


def child_of(parent: Header, **changes: object) -> Header:
    """A header that follows the parent, where nothing is said otherwise."""
    number = parent.number + 1
    fields = {
        "parent_hash": parent.digest,
        "number": number,
        "coinbase": VALIDATORS.addresses[number % 4],
        "prev_randao": prev_randao_of(parent.digest, number),
        **changes,
    }
    return replace(parent, **fields)  # type: ignore[arg-type]


def final_after(parent: Header, transactions: tuple[bytes, ...] = ()) -> FinalBlock:
    """A block with these raw bytes as transactions, certified by nobody."""
    bloom = keccak256(b"".join(transactions)) * 8
    block = Block(child_of(parent, logs_bloom=bloom), transactions)
    return FinalBlock(
        header=block.header,
        block=block.encode(),
        certificate=b"certificate of " + block.digest,
        receipts=tuple(b"receipt of " + raw for raw in transactions),
        hashes=tuple(block.transaction_hashes()),
        validators=VALIDATORS,
    )


def finals(count: int, each: int = 2) -> list[FinalBlock]:
    """Blocks 1 to `count`, with `each` distinct transactions."""
    made: list[FinalBlock] = []
    parent = GENESIS
    for height in range(1, count + 1):
        raws = tuple(b"\x02%d/%d" % (height, position) for position in range(each))
        made.append(final_after(parent, raws))
        parent = made[-1].header
    return made


def record(
    height: int, round_: int, code: MessageCode, digest: Hash32 | None = None
) -> SafetyRecord:
    """A record without a prepared certificate."""
    return SafetyRecord(height, round_, code, digest, None)


def prepared_record(height: int, round_: int) -> SafetyRecord:
    """A COMMIT's record, with its certificate."""
    digest = keccak256(b"block %d" % height)
    prepares = tuple(
        Signed(Prepare(height, round_, digest), author, Signature(bytes(65)))
        for author in VALIDATORS.addresses[:3]
    )
    certificate = PreparedCertificate(height, round_, digest, prepares)
    return SafetyRecord(height, round_, MessageCode.COMMIT, digest, certificate)
