"""Frames: wire messages as msgpack, decoded by schema.

A frame is a msgpack array [kind, field, ...]; a WebSocket message holds one or several
frames after one another. The promise: past `decode` a message is typed, every field has
its type and is within its bound, and consensus messages went through their own codec.
Nothing here is hashed: what is signed or hashed is canonical RLP inside a field, so a
second spelling of a frame does no harm.

The schema drives the decoder: it asks for exactly the next field and allows no array,
map, string or extension inside one. So a megabyte of nested arrays, which a plain
decoder turns into 65 megabytes of objects, ends at its second byte.
Pure: no clock, no socket.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgpack

from node.chain.certificate import MAX_SEALS
from node.chain.signing import SigningDomain, Verifier
from node.consensus.codec import (
    MAX_MESSAGE_BYTES,
    MessageInvalid,
    decode_message,
    encode_message,
)
from node.consensus.messages import ProposalMessage, RoundChangeMessage
from node.driver.ports import WireMessage
from node.gossip.limits import MAX_REQUEST_HASHES
from node.gossip.messages import (
    MAX_BATCH_TRANSACTIONS,
    GetTransactions,
    Status,
    TransactionBatch,
    Transactions,
)
from node.primitives.types import Address, Hash32
from node.sync.messages import (
    MAX_BARE_BYTES,
    MAX_BLOCKS_PER_ANSWER,
    MAX_OBSERVED_SIGNATURES,
    BlockByDigest,
    Blocks,
    GetBlockByDigest,
    GetBlocks,
    GetSignatures,
    Signatures,
)
from node.transport.limits import (
    ITEMS_PER_COST,
    JUSTIFICATION_COST,
    MAX_FRAME_BYTES,
    MAX_FRAMES_PER_MESSAGE,
    MAX_ITEM_BYTES,
    QUESTION_COST,
)

MAX_NUMBER = 2**63 - 1
MAX_CERTIFICATE_BYTES = 128 + 67 * MAX_SEALS


class Kind(IntEnum):
    """Kinds of frames; the numbers are on the wire and never change."""

    CONSENSUS = 0
    TRANSACTION_BATCH = 1
    GET_TRANSACTIONS = 2
    TRANSACTIONS = 3
    STATUS = 4
    GET_BLOCKS = 5
    BLOCKS = 6
    GET_BLOCK_BY_DIGEST = 7
    BLOCK_BY_DIGEST = 8
    GET_SIGNATURES = 9
    SIGNATURES = 10


class Lane(IntEnum):
    """How urgent a frame is when a peer cannot take everything at once."""

    NORMAL = 0
    DROPPABLE = 1
    """Transactions: late ones give way, and far too many are not sent at all."""
    BULK = 2
    """Large answers to peers that are behind: they give way to everything else."""


LANES: dict[type, Lane] = {
    TransactionBatch: Lane.DROPPABLE,
    Blocks: Lane.BULK,
    BlockByDigest: Lane.BULK,
}


class FrameError(ValueError):
    """The bytes are no frames of ours; the text says why."""


@dataclass(frozen=True, slots=True)
class Received:
    """A decoded message and the bytes its frame took."""

    message: WireMessage
    size: int
    cost: int = 1
    """How often it counts against what its sender may send."""


class Reader:
    """Takes typed fields out of msgpack bytes. Every method raises FrameError."""

    def __init__(self, data: bytes, max_bytes: int = MAX_FRAME_BYTES) -> None:
        if len(data) > max_bytes:
            raise FrameError(f"longer than {max_bytes} bytes")
        self._size = len(data)
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=max_bytes,
            max_bin_len=max_bytes,
            max_str_len=0,
            max_array_len=0,
            max_map_len=0,
            max_ext_len=0,
        )
        self._unpacker.feed(data)

    @property
    def at(self) -> int:
        """Bytes read so far."""
        return int(self._unpacker.tell())

    @property
    def is_done(self) -> bool:
        """Whether everything was read."""
        return self.at == self._size

    def count(self, most: int) -> int:
        """The header of an array of at most so many items."""
        try:
            found = self._unpacker.read_array_header()
        except (ValueError, msgpack.UnpackException) as error:
            raise FrameError("expected an array") from error
        if found > most:
            raise FrameError(f"an array of {found}, at most {most} are allowed")
        return int(found)

    def exactly(self, count: int) -> None:
        """The header of an array of so many items."""
        if self.count(count) != count:
            raise FrameError(f"expected an array of {count}")

    def number(self, most: int = MAX_NUMBER) -> int:
        """A whole number from 0 to `most`."""
        value = self._next()
        if type(value) is not int or not 0 <= value <= most:
            raise FrameError(f"expected a number from 0 to {most}")
        return value

    def binary(self, most: int) -> bytes:
        """At most so many bytes."""
        value = self._next()
        if type(value) is not bytes or len(value) > most:
            raise FrameError(f"expected at most {most} bytes")
        return value

    def fixed(self, length: int) -> bytes:
        """Exactly so many bytes."""
        value = self.binary(length)
        if len(value) != length:
            raise FrameError(f"expected {length} bytes, got {len(value)}")
        return value

    def binaries(self, count: int, most: int) -> tuple[bytes, ...]:
        """An array of at most `count` items of at most `most` bytes each."""
        return tuple([self.binary(most) for _ in range(self.count(count))])

    def _next(self) -> Any:
        try:
            return self._unpacker.unpack()
        except (ValueError, msgpack.UnpackException) as error:
            raise FrameError(f"malformed msgpack: {error}") from error


def encode(message: WireMessage) -> bytes:
    """One frame. Raises FrameError for a message that no peer would accept."""
    frame: bytes = msgpack.packb(_fields(message))
    if len(frame) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(frame)} bytes: at most {MAX_FRAME_BYTES}")
    return frame


def decode(
    data: bytes, domain: SigningDomain, verifier: Verifier
) -> Iterator[Received]:
    """The messages of one WebSocket message, in order and one by one: whoever reads
    them can stop at what it costs. Raises FrameError at the first that is none."""
    reader = Reader(data)
    count = 0
    while not reader.is_done:
        count += 1
        if count > MAX_FRAMES_PER_MESSAGE:
            raise FrameError(f"more than {MAX_FRAMES_PER_MESSAGE} frames at once")
        start = reader.at
        length = reader.count(MAX_FIELDS)
        kind = reader.number(max(Kind))
        if kind == Kind.CONSENSUS and length == 2:
            message = _consensus(reader, domain, verifier)
        elif length == 1 + FIELDS[kind]:
            message = DECODERS[kind](reader)
        else:
            raise FrameError(f"a {Kind(kind).name} frame of {length} fields")
        yield Received(message, reader.at - start, cost_of(message))
    if not count:
        raise FrameError("empty")


def cost_of(message: WireMessage) -> int:
    """Signatures to recover, items to look at, what an answer takes; 1 for most."""
    match message:
        case ProposalMessage(round_changes=changes, prepares=prepares):
            hashes = len(message.block.transaction_hashes)
            signatures = len(changes) + len(prepares)
            return 1 + signatures * JUSTIFICATION_COST + hashes // ITEMS_PER_COST
        case RoundChangeMessage(prepares=prepares):
            return 1 + len(prepares) * JUSTIFICATION_COST
        case TransactionBatch(transactions) | Transactions(_, transactions):
            return 1 + len(transactions) // ITEMS_PER_COST
        case GetTransactions(hashes=hashes):
            return QUESTION_COST + len(hashes) // ITEMS_PER_COST
        case GetBlocks() | GetBlockByDigest() | GetSignatures():
            return QUESTION_COST
        case _:
            return 1


def _consensus(
    reader: Reader, domain: SigningDomain, verifier: Verifier
) -> WireMessage:
    try:
        return decode_message(reader.binary(MAX_MESSAGE_BYTES), domain, verifier)
    except MessageInvalid as error:
        raise FrameError(f"consensus message: {error}") from error


def _fields(message: WireMessage) -> tuple[Any, ...]:
    match message:
        case TransactionBatch(transactions):
            return (Kind.TRANSACTION_BATCH, transactions)
        case GetTransactions(request_id, hashes):
            return (Kind.GET_TRANSACTIONS, request_id, b"".join(hashes))
        case Transactions(request_id, transactions):
            return (Kind.TRANSACTIONS, request_id, transactions)
        case Status(height, digest, pool_size, has_log):
            return (Kind.STATUS, height, digest, pool_size, int(has_log))
        case GetBlocks(request_id, first, count):
            return (Kind.GET_BLOCKS, request_id, first, count)
        case Blocks(request_id, blocks):
            return (Kind.BLOCKS, request_id, blocks)
        case GetBlockByDigest(request_id, height, digest):
            return (Kind.GET_BLOCK_BY_DIGEST, request_id, height, digest)
        case BlockByDigest(request_id, block):
            return (Kind.BLOCK_BY_DIGEST, request_id, block)
        case GetSignatures(request_id, validator):
            return (Kind.GET_SIGNATURES, request_id, validator)
        case Signatures(request_id, messages):
            return (Kind.SIGNATURES, request_id, messages)
        case _:
            return (Kind.CONSENSUS, encode_message(message))


def _hashes(joined: bytes) -> Iterable[Hash32]:
    if len(joined) % 32:
        raise FrameError("hashes have 32 bytes each")
    return (Hash32(joined[at : at + 32]) for at in range(0, len(joined), 32))


def _transaction_batch(reader: Reader) -> TransactionBatch:
    return TransactionBatch(reader.binaries(MAX_BATCH_TRANSACTIONS, MAX_ITEM_BYTES))


def _get_transactions(reader: Reader) -> GetTransactions:
    request_id = reader.number()
    joined = reader.binary(32 * MAX_REQUEST_HASHES)
    return GetTransactions(request_id, tuple(_hashes(joined)))


def _transactions(reader: Reader) -> Transactions:
    request_id = reader.number()
    raws = reader.binaries(MAX_BATCH_TRANSACTIONS, MAX_ITEM_BYTES)
    return Transactions(request_id, raws)


def _status(reader: Reader) -> Status:
    height, digest = reader.number(), Hash32(reader.fixed(32))
    return Status(height, digest, reader.number(), bool(reader.number(1)))


def _get_blocks(reader: Reader) -> GetBlocks:
    return GetBlocks(
        reader.number(), reader.number(), reader.number(MAX_BLOCKS_PER_ANSWER)
    )


def _blocks(reader: Reader) -> Blocks:
    request_id = reader.number()
    blocks = []
    for _ in range(reader.count(MAX_BLOCKS_PER_ANSWER)):
        reader.exactly(2)
        block = reader.binary(MAX_FRAME_BYTES)
        blocks.append((block, reader.binary(MAX_CERTIFICATE_BYTES)))
    return Blocks(request_id, tuple(blocks))


def _get_block_by_digest(reader: Reader) -> GetBlockByDigest:
    return GetBlockByDigest(reader.number(), reader.number(), Hash32(reader.fixed(32)))


def _block_by_digest(reader: Reader) -> BlockByDigest:
    return BlockByDigest(reader.number(), reader.binary(MAX_FRAME_BYTES))


def _get_signatures(reader: Reader) -> GetSignatures:
    return GetSignatures(reader.number(), Address(reader.fixed(20)))


def _signatures(reader: Reader) -> Signatures:
    request_id = reader.number()
    return Signatures(
        request_id, reader.binaries(MAX_OBSERVED_SIGNATURES, MAX_BARE_BYTES)
    )


FIELDS: dict[int, int] = {
    Kind.CONSENSUS: 1,
    Kind.TRANSACTION_BATCH: 1,
    Kind.GET_TRANSACTIONS: 2,
    Kind.TRANSACTIONS: 2,
    Kind.STATUS: 4,
    Kind.GET_BLOCKS: 3,
    Kind.BLOCKS: 2,
    Kind.GET_BLOCK_BY_DIGEST: 3,
    Kind.BLOCK_BY_DIGEST: 2,
    Kind.GET_SIGNATURES: 2,
    Kind.SIGNATURES: 2,
}
MAX_FIELDS = 1 + max(FIELDS.values())
DECODERS: dict[int, Callable[[Reader], WireMessage]] = {
    Kind.TRANSACTION_BATCH: _transaction_batch,
    Kind.GET_TRANSACTIONS: _get_transactions,
    Kind.TRANSACTIONS: _transactions,
    Kind.STATUS: _status,
    Kind.GET_BLOCKS: _get_blocks,
    Kind.BLOCKS: _blocks,
    Kind.GET_BLOCK_BY_DIGEST: _get_block_by_digest,
    Kind.BLOCK_BY_DIGEST: _block_by_digest,
    Kind.GET_SIGNATURES: _get_signatures,
    Kind.SIGNATURES: _signatures,
}
