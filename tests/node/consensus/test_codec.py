"""Bytes of consensus messages: vectors, round trips, and what is refused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.chain.signing import MessageCode, Secp256k1Verifier, SigningDomain
from node.consensus import codec
from node.consensus.codec import (
    MAX_JUSTIFICATION,
    MAX_MESSAGE_BYTES,
    MAX_PROPOSAL_TRANSACTIONS,
    WIRE_VERSION,
    EvidenceInvalid,
    MessageInvalid,
    decode_message,
    encode_message,
    encode_payload,
    sign_draft,
    verify_evidence,
)
from node.consensus.messages import (
    BlockReference,
    Commit,
    CommitDraft,
    Draft,
    Evidence,
    Message,
    Prepare,
    PreparedCertificate,
    PrepareDraft,
    Proposal,
    ProposalDraft,
    RoundChange,
    RoundChangeDraft,
    Signed,
)
from node.consensus.safety import SafetyRecord
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import ORDER, PrivateKey
from node.primitives.types import Hash32, Signature
from tests.node.consensus.stage import peers
from tests.node.consensus.world import (
    DOMAIN,
    HashSigner,
    HashVerifier,
    block,
    certificate,
    round_changes,
    who,
)

SHARED = Path(__file__).parents[4] / "shared" / "vectors" / "qbft"
REAL = Secp256k1Verifier()
KEYS = [PrivateKey(bytes([n]) * 32) for n in (1, 2, 3)]

A, B, C = peers("ABC")
X, Y = block("A", "x"), block("A", "y")
HELD = certificate("ABC", 0, X.digest)


def really(draft: Draft, key: PrivateKey = KEYS[0]) -> Message:
    return sign_draft(draft, DOMAIN, key)


def samples() -> Iterator[tuple[str, Message]]:
    """One message of each form, really signed."""
    digest = Hash32(b"\x11" * 32)
    prepares = tuple(
        really(PrepareDraft(Prepare(1, 0, X.digest)), key).signed for key in KEYS
    )
    changes = tuple(
        really(RoundChangeDraft(RoundChange(1, 1, 0, X.digest)), key).signed
        for key in KEYS
    )
    reference = BlockReference(X.header, (digest, keccak256(b"")))
    prepared = RoundChange(1, 1, 0, X.digest)
    yield (
        "proposal of round 0",
        really(ProposalDraft(Proposal(1, 0, X.digest), reference)),
    )
    yield (
        "proposal of round 1",
        really(ProposalDraft(Proposal(1, 1, X.digest), reference, changes, prepares)),
    )
    yield "prepare", really(PrepareDraft(Prepare(1, 0, digest)))
    yield "commit", really(CommitDraft(Commit(2**40, 300, digest)))
    yield "round change, unprepared", really(RoundChangeDraft(RoundChange(1, 1)))
    yield "round change, prepared", really(RoundChangeDraft(prepared, prepares))


SAMPLES = dict(samples())


def test_the_wire_form_is_the_committed_one(golden: Callable[[str, str], None]) -> None:
    """Changing a vector means changing WIRE_VERSION."""
    messages = {
        name: {
            "author": "0x" + message.signed.author.hex(),
            "signed_digest": "0x"
            + DOMAIN.digest(
                message.signed.payload.code, encode_payload(message.signed.payload)
            ).hex(),
            "message": "0x" + encode_message(message).hex(),
        }
        for name, message in SAMPLES.items()
    }
    vectors = {
        "wire_version": WIRE_VERSION,
        "codes": {code.name: int(code) for code in MessageCode},
        "chain_id": DOMAIN.chain_id,
        "genesis_hash": "0x" + DOMAIN.genesis_hash.hex(),
        "messages": messages,
    }
    golden("vectors/messages.json", json.dumps(vectors, indent=1) + "\n")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_decoded_vector_is_the_message_that_was_signed(name: str) -> None:
    vectors = json.loads((Path(__file__).parent / "vectors/messages.json").read_text())
    data = bytes.fromhex(vectors["messages"][name]["message"][2:])
    assert decode_message(data, DOMAIN, REAL) == SAMPLES[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_no_prefix_or_extension_of_a_message_is_one(name: str) -> None:
    data = encode_message(SAMPLES[name])
    for cut in (*range(0, len(data) - 1, 7), len(data) - 1):
        with pytest.raises(MessageInvalid):
            decode_message(data[:cut], DOMAIN, REAL)
    with pytest.raises(MessageInvalid):
        decode_message(data + b"\0", DOMAIN, REAL)


@pytest.mark.parametrize("name", SAMPLES)
@given(at=st.integers(0), flip=st.integers(1, 255))
def test_a_flipped_byte_never_yields_the_same_author_and_payload(
    name: str, at: int, flip: int
) -> None:
    data = bytearray(encode_message(SAMPLES[name]))
    data[at % len(data)] ^= flip
    try:
        message = decode_message(bytes(data), DOMAIN, REAL)
    except MessageInvalid:
        return
    assert encode_message(message) == bytes(data)
    assert message != SAMPLES[name]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_the_typed_error(data: bytes) -> None:
    with pytest.raises(MessageInvalid):
        decode_message(data, DOMAIN, REAL)


def test_a_signature_is_worth_nothing_elsewhere() -> None:
    data = encode_message(SAMPLES["prepare"])
    for domain in (
        SigningDomain(DOMAIN.chain_id + 1, DOMAIN.genesis_hash),
        SigningDomain(DOMAIN.chain_id, X.digest),
    ):
        try:
            author = decode_message(data, domain, REAL).signed.author
        except MessageInvalid:
            continue
        assert author != KEYS[0].address


def test_a_prepare_is_no_commit() -> None:
    prepare = SAMPLES["prepare"]
    data = bytearray(encode_message(prepare))
    position = data.index(MessageCode.PREPARE, 0, 4)
    data[position] = MessageCode.COMMIT
    try:
        author = decode_message(bytes(data), DOMAIN, REAL).signed.author
    except MessageInvalid:
        return
    assert author != prepare.signed.author


def test_the_upper_half_of_s_is_refused() -> None:
    signed = SAMPLES["prepare"].signed
    s = ORDER - int.from_bytes(signed.signature[32:64], "big")
    upper = (
        signed.signature[:32]
        + s.to_bytes(32, "big")
        + bytes([signed.signature[64] ^ 1])
    )
    parts = [
        rlp.encode(rlp.from_int(1)),
        encode_payload(signed.payload),
        rlp.encode(upper),
    ]
    with pytest.raises(MessageInvalid, match="upper half"):
        decode_message(rlp.encode_list(parts), DOMAIN, REAL)


def refused(parts: list[rlp.Item]) -> str:
    """Why a message of these parts, signed by A, is refused."""
    with pytest.raises(MessageInvalid) as caught:
        decode_message(rlp.encode(parts), DOMAIN, HashVerifier())
    return str(caught.value)


def seal(code: int, payload: rlp.Item) -> Signature:
    digest = DOMAIN.digest(MessageCode(code), rlp.encode(payload))
    return HashSigner(who("A")).sign(digest)


def test_malformed_messages_say_what_is_wrong() -> None:
    good: list[rlp.Item] = [b"\1", b"", X.digest]
    sealed = seal(1, good)
    assert refused([]) == "a message has a code, a payload and a signature"
    assert refused([b"\4", good, sealed]) == "unknown message code 4"
    assert refused([b"\1", good, sealed, []]) == "PREPARE has 0 attachments"
    assert refused([b"\3", good, sealed]) == "ROUND_CHANGE has 1 attachments"
    assert refused([b"\1", good, b"short"]) == "expected 65 bytes, got 5"
    assert refused([b"\1", [b"\1", b"", b"\1"], sealed]) == "expected 32 bytes, got 1"
    assert refused([b"\1", good[:2], sealed]) == "expected 3 items, got 2"
    large: list[rlp.Item] = [b"\1" * 9, b"", X.digest]
    assert "minimal integer" in refused([b"\1", large, seal(1, large)])
    half: list[rlp.Item] = [b"\1", b"\1", [b""]]
    assert refused([b"\3", half, seal(3, half), []]) == "expected 2 items, got 1"


def test_what_a_message_holds_is_bounded() -> None:
    with pytest.raises(MessageInvalid, match=f"than {MAX_MESSAGE_BYTES} bytes"):
        decode_message(bytes(MAX_MESSAGE_BYTES + 1), DOMAIN, REAL)
    prepare = A.prepare(0, X.digest)
    pair = [[b"\1", b"", X.digest], prepare.signed.signature]
    change: list[rlp.Item] = [b"\1", b"\1", [b"", X.digest]]
    many: list[rlp.Item] = [pair] * (MAX_JUSTIFICATION + 1)
    text = refused([b"\3", change, seal(3, change), many])
    assert text == f"a justification of more than {MAX_JUSTIFICATION}"
    hashes = (X.digest,) * (MAX_PROPOSAL_TRANSACTIONS + 1)
    proposal = A.proposal(0, BlockReference(X.header, hashes))
    with pytest.raises(MessageInvalid, match=f"{MAX_PROPOSAL_TRANSACTIONS} trans"):
        decode_message(encode_message(proposal), DOMAIN, HashVerifier())


def test_what_is_longer_than_any_is_not_looked_into() -> None:
    """A megabyte of tiny items would be a third of a second of decoding."""
    many = rlp.encode_list([b"\x01"] * 1_000_000)
    seal_item, prepare = rlp.encode(bytes(65)), rlp.encode([b"\1", b"", X.digest])
    for parts, reason in (
        ([b"\x01"] * 100, "more than 7 items"),
        ([b"\x01", many, seal_item], "longer than any can be"),
        ([b"\x01", prepare, many], "longer than any can be"),
        ([b"\x80", prepare, seal_item, many, *[b"\xc0"] * 3], "a header of more"),
    ):
        with pytest.raises(MessageInvalid, match=reason):
            decode_message(rlp.encode_list(parts), DOMAIN, REAL)


def test_the_largest_justified_proposal_fits() -> None:
    """64 validators, the most transactions: below the limit of a message."""
    pairs = round_changes("A", 1, HELD) * MAX_JUSTIFICATION
    prepares = HELD.prepares[:1] * MAX_JUSTIFICATION
    hashes = (X.digest,) * MAX_PROPOSAL_TRANSACTIONS
    message = A.proposal(1, BlockReference(X.header, hashes), pairs, prepares)
    data = encode_message(message)
    assert len(data) <= MAX_MESSAGE_BYTES
    assert decode_message(data, DOMAIN, HashVerifier()) == message


def test_a_proposal_of_another_block_than_it_carries_is_refused() -> None:
    draft = ProposalDraft(Proposal(1, 0, Y.digest), X)
    with pytest.raises(MessageInvalid, match="not the one that is proposed"):
        decode_message(encode_message(really(draft)), DOMAIN, REAL)


# --- what a node writes to its own disk ---


@pytest.mark.parametrize(
    "record",
    [
        SafetyRecord(1, 0, MessageCode.PREPARE, X.digest, None),
        SafetyRecord(2**63, 2**63, MessageCode.COMMIT, X.digest, HELD),
        SafetyRecord(1, 1, MessageCode.ROUND_CHANGE, None, None),
        SafetyRecord(1, 1, MessageCode.ROUND_CHANGE, X.digest, HELD),
        SafetyRecord(1, 0, MessageCode.PROPOSAL, X.digest, None),
    ],
)
def test_a_safety_record_is_read_back(record: SafetyRecord) -> None:
    data = codec.encode_safety_record(record)
    assert codec.decode_safety_record(data) == record
    with pytest.raises(rlp.RlpError):
        codec.decode_safety_record(data[:-1])


def test_a_prepared_certificate_is_read_back() -> None:
    data = codec.encode_certificate(HELD)
    assert codec.decode_certificate(data) == HELD
    empty = PreparedCertificate(1, 0, X.digest, ())
    assert codec.decode_certificate(codec.encode_certificate(empty)) == empty


# --- evidence ---

DOUBLES = {
    "proposal": (A.proposal(0, X).signed, A.proposal(0, Y).signed),
    "prepare": (A.prepare(0, X.digest).signed, A.prepare(0, Y.digest).signed),
    "commit": (A.commit(0, X.digest).signed, A.commit(0, Y.digest).signed),
    "round change": (A.round_change(1).signed, A.round_change(1, HELD).signed),
}


@pytest.mark.parametrize("kind", DOUBLES)
def test_evidence_is_read_back_and_convinces_a_stranger(kind: str) -> None:
    evidence = Evidence(*DOUBLES[kind])
    data = codec.encode_evidence(evidence)
    assert codec.decode_evidence(data) == evidence
    verify_evidence(codec.decode_evidence(data), DOMAIN, HashVerifier())


def test_what_proves_nothing_is_refused() -> None:
    first, second = DOUBLES["prepare"]
    commit = A.commit(0, X.digest).signed
    cases: list[tuple[Evidence, str]] = [
        (Evidence(first, first), "are equal"),
        (Evidence(first, commit), "two kinds"),
        (Evidence(first, A.prepare(1, Y.digest).signed), "two rounds"),
        (Evidence(first, A.prepare(0, Y.digest, 2).signed), "two rounds"),
        (Evidence(first, B.prepare(0, Y.digest).signed), "not by the accused"),
        (
            Evidence(first, Signed(second.payload, first.author, first.signature)),
            "not a signature",
        ),
        (
            Evidence(
                Signed(first.payload, who("B"), first.signature),
                Signed(second.payload, who("B"), second.signature),
            ),
            "not by the accused",
        ),
    ]
    for evidence, expected in cases:
        with pytest.raises(EvidenceInvalid, match=expected):
            verify_evidence(evidence, DOMAIN, HashVerifier())


# --- vectors of another implementation ---

needs_vectors = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"needs the public vectors in {SHARED.name}/"
)


def load(name: str) -> dict[str, dict[str, object]]:
    found = json.loads((SHARED / name).read_text())
    assert isinstance(found, dict)
    return found


@needs_vectors
@pytest.mark.parametrize("name", ["messages.json", "bft_extra_data.json"])
def test_foreign_encodings_are_canonical_rlp_here(name: str) -> None:
    for case in load(name).values():
        data = bytes.fromhex(str(case["rlp"])[2:])
        assert rlp.encode(rlp.decode(data)) == data


@needs_vectors
def test_signed_prepares_are_encoded_as_besu_does() -> None:
    """PREPARE fits whole; of ROUND_CHANGE the payload does. Its PROPOSAL holds the
    block, its COMMIT a separate seal, its validators sit in extraData: ours differ."""
    case = load("messages.json")["prepare"]
    assert isinstance(case["message"], dict)
    unsigned = case["message"]["unsignedPrepare"]
    digest = Hash32(bytes.fromhex(unsigned["digest"][2:]))
    payload = Prepare(unsigned["sequence"], unsigned["round"], digest)
    signature = Signature(bytes.fromhex(case["message"]["signature"][2:]))
    pair = rlp.encode_list([encode_payload(payload), rlp.encode(signature)])
    assert pair == bytes.fromhex(str(case["rlp"])[2:])


@needs_vectors
@pytest.mark.parametrize(
    "name", ["roundChange_empty_prepares", "roundChange_with_prepares"]
)
def test_round_change_payloads_are_encoded_as_besu_does(name: str) -> None:
    case = load("messages.json")[name]
    assert isinstance(case["message"], dict)
    unsigned = case["message"]["signedRoundChange"]["unsignedRoundChange"]
    value = unsigned["preparedValue"]
    payload = RoundChange(
        unsigned["sequence"],
        unsigned["round"],
        unsigned["preparedRound"],
        Hash32(bytes.fromhex(value[2:])) if value else None,
    )
    signed_pair = rlp.split_list(bytes.fromhex(str(case["rlp"])[2:]))[0]
    assert rlp.split_list(signed_pair)[0] == encode_payload(payload)
