"""Frames: every message survives, everything else is refused cheaply."""

import contextlib
import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.chain.signing import Secp256k1Verifier, SigningDomain
from node.consensus.codec import sign_draft
from node.consensus.messages import (
    Commit,
    CommitDraft,
    Prepare,
    PrepareDraft,
    RoundChange,
    RoundChangeDraft,
    RoundChangeMessage,
)
from node.driver.ports import WireMessage
from node.gossip.messages import (
    MAX_BATCH_TRANSACTIONS,
    GetTransactions,
    Status,
    TransactionBatch,
    Transactions,
)
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address, Hash32
from node.sync.messages import (
    MAX_BARE_BYTES,
    MAX_BLOCKS_PER_ANSWER,
    BlockByDigest,
    Blocks,
    GetBlockByDigest,
    GetBlocks,
    GetSignatures,
    Signatures,
)
from node.transport.frames import (
    FIELDS,
    MAX_NUMBER,
    FrameError,
    Kind,
    Reader,
    decode,
    encode,
)
from node.transport.limits import (
    JUSTIFICATION_COST,
    MAX_FRAME_BYTES,
    MAX_FRAMES_PER_MESSAGE,
    QUESTION_COST,
)

DOMAIN = SigningDomain(7, Hash32(b"\x07" * 32))
KEY = PrivateKey(b"\x01" * 32)
DIGEST = Hash32(bytes(range(32)))
ADDRESS = Address(b"\xaa" * 20)

MESSAGES: list[WireMessage] = [
    sign_draft(PrepareDraft(Prepare(5, 1, DIGEST)), DOMAIN, KEY),
    sign_draft(CommitDraft(Commit(5, 1, DIGEST)), DOMAIN, KEY),
    sign_draft(RoundChangeDraft(RoundChange(5, 2)), DOMAIN, KEY),
    TransactionBatch((b"a", b"", b"b" * 1_000)),
    TransactionBatch(()),
    GetTransactions(1, (DIGEST, Hash32(bytes(32)))),
    GetTransactions(MAX_NUMBER, ()),
    Transactions(2, (b"raw",)),
    Status(0, DIGEST, 0),
    Status(MAX_NUMBER, DIGEST, 20_000, has_log=False),
    GetBlocks(3, 17, MAX_BLOCKS_PER_ANSWER),
    Blocks(3, ((b"block", b"certificate"), (b"", b""))),
    Blocks(3, ()),
    GetBlockByDigest(4, 17, DIGEST),
    BlockByDigest(4, b""),
    BlockByDigest(4, b"block" * 100_000),
    GetSignatures(5, ADDRESS),
    Signatures(5, (b"message", b"other")),
]


def decoded(data: bytes) -> list[WireMessage]:
    return [item.message for item in decode(data, DOMAIN, Secp256k1Verifier())]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_arrives_as_it_was_sent(message: WireMessage) -> None:
    assert decoded(encode(message)) == [message]


def test_several_frames_share_one_websocket_message() -> None:
    data = b"".join(encode(message) for message in MESSAGES)
    assert decoded(data) == MESSAGES
    sizes = [item.size for item in decode(data, DOMAIN, Secp256k1Verifier())]
    assert sizes == [len(encode(message)) for message in MESSAGES]


def test_a_frame_counts_by_what_it_costs() -> None:
    prepare = sign_draft(PrepareDraft(Prepare(5, 1, DIGEST)), DOMAIN, KEY)
    draft = RoundChangeDraft(RoundChange(5, 2, 1, DIGEST), (prepare.signed,) * 3)  # type: ignore[arg-type]
    change = sign_draft(draft, DOMAIN, KEY)
    costs = {
        type(item.message): item.cost
        for message in (change, *MESSAGES)
        for item in decode(encode(message), DOMAIN, Secp256k1Verifier())
        if not isinstance(item.message, RoundChangeMessage) or item.message.prepares
    }
    assert costs.pop(RoundChangeMessage) == 1 + 3 * JUSTIFICATION_COST
    questions = (GetTransactions, GetBlocks, GetBlockByDigest, GetSignatures)
    assert [costs.pop(kind) for kind in questions] == [QUESTION_COST] * 4
    assert set(costs.values()) == {1}


def test_frames_are_decoded_one_by_one() -> None:
    """Whoever reads stops when it is too much: nothing behind is looked at."""
    found = decode(encode(MESSAGES[0]) + b"\xc1", DOMAIN, Secp256k1Verifier())
    assert next(found).message == MESSAGES[0]
    with pytest.raises(FrameError):
        next(found)


def test_every_kind_is_on_the_wire_under_its_fixed_number() -> None:
    kinds = {msgpack.unpackb(encode(message))[0] for message in MESSAGES}
    assert sorted(kinds) == [kind.value for kind in Kind] == list(range(11))
    status = encode(Status(7, DIGEST, 3, has_log=False)).hex()
    assert status == "950407c420" + DIGEST.hex() + "0300"


def frame(kind: int, *fields: object) -> bytes:
    return msgpack.packb([kind, *fields])


MALFORMED = {
    "empty": (b"", "empty"),
    "no array": (b"\x05", "expected an array"),
    "invalid byte": (b"\xc1", "expected an array"),
    "no kind": (b"\x90", "malformed msgpack"),
    "unknown kind": (frame(11, 1), "expected a number from 0 to 10"),
    "kind of wrong type": (frame(b"", 1), "expected a number"),  # type: ignore[arg-type]
    "boolean for a number": (frame(4, True, DIGEST, 0, 1), "expected a number"),
    "too few fields": (frame(Kind.STATUS, 1, DIGEST), "STATUS frame of 3 fields"),
    "too many fields": (frame(Kind.GET_SIGNATURES, 1, ADDRESS, 1), "of 4 fields"),
    "far too many": (frame(4, *range(9)), "at most 5"),
    "negative": (frame(Kind.STATUS, -1, DIGEST, 0, 1), "expected a number"),
    "too large": (frame(Kind.STATUS, 2**63, DIGEST, 0, 1), "expected a number"),
    "fraction": (frame(Kind.STATUS, 1.0, DIGEST, 0, 1), "expected a number"),
    "short digest": (frame(Kind.STATUS, 1, DIGEST[:31], 0, 1), "expected 32 bytes"),
    "text for bytes": (frame(Kind.STATUS, 1, "", 0, 1), "expected at most 32 bytes"),
    "text": (frame(Kind.STATUS, 1, "x" * 32, 0, 1), "malformed msgpack"),
    "nil": (frame(Kind.STATUS, 1, None, 0, 1), "expected at most 32 bytes"),
    "nested": (frame(Kind.TRANSACTION_BATCH, [[b"a"]]), "malformed msgpack"),
    "empty array for bytes": (frame(Kind.TRANSACTION_BATCH, [[]]), "expected at most"),
    "map": (frame(Kind.TRANSACTION_BATCH, {1: 2}), "expected an array"),
    "too many": (
        frame(Kind.TRANSACTION_BATCH, [b""] * (MAX_BATCH_TRANSACTIONS + 1)),
        "at most 4096",
    ),
    "count without items": (b"\x92\x01\xdc\x10\x00", "malformed msgpack"),
    "an observed message with more than itself": (
        frame(Kind.SIGNATURES, 1, [bytes(MAX_BARE_BYTES + 1)]),
        "at most 2000 bytes",
    ),
    "large transaction": (frame(Kind.TRANSACTION_BATCH, [bytes(131_073)]), "131072"),
    "half a hash": (frame(Kind.GET_TRANSACTIONS, 1, bytes(33)), "32 bytes each"),
    "too many blocks": (frame(Kind.GET_BLOCKS, 1, 1, 129), "from 0 to 128"),
    "no pair": (frame(Kind.BLOCKS, 1, [[b"", b"", b""]]), "at most 2"),
    "half a pair": (frame(Kind.BLOCKS, 1, [[b""]]), "expected an array of 2"),
    "extension": (
        frame(Kind.STATUS, msgpack.ExtType(1, b"x"), DIGEST, 0, 1),
        "malformed",
    ),
    "trailing byte": (encode(Status(1, DIGEST, 0)) + b"\x00", "expected an array"),
    "no consensus message": (frame(Kind.CONSENSUS, b"\xc0"), "consensus message"),
    "too large at all": (b"\xc4" * (MAX_FRAME_BYTES + 1), "longer than"),
}


@pytest.mark.parametrize("name", list(MALFORMED))
def test_what_is_no_frame_is_refused_with_the_reason(name: str) -> None:
    data, reason = MALFORMED[name]
    with pytest.raises(FrameError, match=reason):
        decoded(data)


def test_a_frame_cut_anywhere_is_refused() -> None:
    for message in MESSAGES[:4]:
        data = encode(message)
        for end in range(len(data)):
            with pytest.raises(FrameError):
                decoded(data[:end])


def test_too_many_frames_at_once_are_refused() -> None:
    one = encode(Status(1, DIGEST, 0))
    assert len(decoded(one * MAX_FRAMES_PER_MESSAGE)) == MAX_FRAMES_PER_MESSAGE
    with pytest.raises(FrameError, match="frames at once"):
        decoded(one * (MAX_FRAMES_PER_MESSAGE + 1))


def test_a_message_that_no_peer_would_take_is_not_sent() -> None:
    with pytest.raises(FrameError, match="at most"):
        encode(BlockByDigest(1, bytes(MAX_FRAME_BYTES)))


@pytest.mark.parametrize("filling", [b"\x90", b"\x91", b"\x80", b"\xc0"])
def test_a_bomb_of_tiny_objects_takes_no_memory(filling: bytes) -> None:
    count = 1_000_000
    bomb = b"\x92\x01\xdd" + count.to_bytes(4, "big") + filling * count
    inner = b"\x92\x01\xdc\x10\x00" + filling * count
    tracemalloc.start()
    try:
        for data in (bomb, inner):
            with pytest.raises(FrameError):
                decoded(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * count  # the unpacker's own copy, and next to nothing else


@given(st.binary(max_size=200))
def test_random_bytes_are_a_frame_error_or_messages(data: bytes) -> None:
    try:
        messages = decoded(data)
    except FrameError:
        return
    assert decoded(b"".join(map(encode, messages))) == messages


@given(st.data())
def test_flipped_bytes_never_raise_anything_else(data: st.DataObject) -> None:
    good = bytearray(encode(data.draw(st.sampled_from(MESSAGES[:-3]))))
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(FrameError):
        decoded(bytes(good))


def test_the_reader_bounds_what_it_is_given() -> None:
    with pytest.raises(FrameError, match="longer than 3 bytes"):
        Reader(bytes(4), 3)
    assert len(FIELDS) == len(Kind)
