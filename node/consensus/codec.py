"""Bytes of consensus messages, safety records and evidence.

A message is the canonical RLP of

    [code, payload, signature]                                  PREPARE, COMMIT
    [0, payload, signature, header, [transaction hash, ...],
        [[payload, signature], ...], [[payload, signature], ...]]   PROPOSAL
    [3, payload, signature, [[payload, signature], ...]]        ROUND_CHANGE

(the pairs are the signed ROUND_CHANGEs and PREPAREs of a justification; payloads are in
`node.consensus.messages`). `decode_message` recovers every signature, so that an author
is a fact from there on, and refuses what `encode_message` would spell differently.
What a node writes to its own disk (`*_safety_record`, `*_certificate`, `*_evidence`)
carries authors beside signatures and is read without recovering; `verify_evidence`
proves evidence to a stranger.
"""

from collections.abc import Callable, Iterable, Sequence

from node.chain.header import Header
from node.chain.signing import MessageCode, Signer, SigningDomain, Verifier
from node.chain.validator_contract import MAX_VALIDATORS
from node.consensus.messages import (
    AnySigned,
    BlockReference,
    Commit,
    CommitDraft,
    CommitMessage,
    Draft,
    Evidence,
    Message,
    P,
    Payload,
    Prepare,
    PreparedCertificate,
    PrepareDraft,
    PrepareMessage,
    Proposal,
    ProposalDraft,
    ProposalMessage,
    RoundChange,
    RoundChangeDraft,
    RoundChangeMessage,
    Signed,
)
from node.consensus.safety import SafetyRecord
from node.primitives import rlp
from node.primitives.secp256k1 import SignatureError
from node.primitives.types import Address, Hash32, Signature

WIRE_VERSION = 2
"""Changes with any change of these encodings; peers of another version are refused."""
MAX_NUMBER_BYTES = 8
"""Heights and rounds."""
MAX_PROPOSAL_TRANSACTIONS = 32_768
"""Transaction hashes in one PROPOSAL; a block builder stops there."""
MAX_JUSTIFICATION = MAX_VALIDATORS
"""Signed ROUND_CHANGEs, and signed PREPAREs, in one message."""
MAX_MESSAGE_BYTES = 1_250_000
MAX_PARTS = 7
MAX_PAYLOAD_BYTES = 128
SIGNATURE_BYTES = 67
"""Encoded."""


class MessageInvalid(ValueError):
    """The bytes are no consensus message; the text says why."""


class EvidenceInvalid(ValueError):
    """The evidence proves nothing; the text says why."""


def encode_payload(payload: Payload) -> bytes:
    """What is signed: see `node.consensus.messages`."""
    numbers = [rlp.from_int(payload.height), rlp.from_int(payload.round)]
    if not isinstance(payload, RoundChange):
        return rlp.encode([*numbers, payload.digest])
    if payload.prepared_round is None or payload.prepared_digest is None:
        return rlp.encode([*numbers, []])
    prepared = [rlp.from_int(payload.prepared_round), payload.prepared_digest]
    return rlp.encode([*numbers, prepared])


def encode_message(message: Message) -> bytes:
    """The wire form; `decode_message` reads it."""
    signed = message.signed
    parts = [
        rlp.encode(rlp.from_int(signed.payload.code)),
        encode_payload(signed.payload),
        rlp.encode(signed.signature),
    ]
    if isinstance(message, ProposalMessage):
        parts.append(message.block.header.encoded)
        parts.append(rlp.encode(message.block.transaction_hashes))
        parts.append(_encode_pairs(message.round_changes))
        parts.append(_encode_pairs(message.prepares))
    elif isinstance(message, RoundChangeMessage):
        parts.append(_encode_pairs(message.prepares))
    return rlp.encode_list(parts)


def decode_message(data: bytes, domain: SigningDomain, verifier: Verifier) -> Message:
    """Parse, bound and recover. Raises MessageInvalid."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageInvalid(f"longer than {MAX_MESSAGE_BYTES} bytes")
    try:
        parts = rlp.split_list(data, MAX_PARTS)
        message = _Decoder(domain, verifier).message(parts)
    except (rlp.RlpError, SignatureError) as error:
        raise MessageInvalid(str(error)) from error
    if encode_message(message) != data:
        raise MessageInvalid("not the canonical encoding")
    return message


def sign_draft(draft: Draft, domain: SigningDomain, signer: Signer) -> Message:
    """The message that a draft becomes."""
    match draft:
        case ProposalDraft(payload, block, round_changes, prepares):
            signed = _sign(payload, domain, signer)
            return ProposalMessage(signed, block, round_changes, prepares)
        case PrepareDraft(payload):
            return PrepareMessage(_sign(payload, domain, signer))
        case CommitDraft(payload):
            return CommitMessage(_sign(payload, domain, signer))
        case RoundChangeDraft(payload, prepares):
            return RoundChangeMessage(_sign(payload, domain, signer), prepares)


def encode_certificate(certificate: PreparedCertificate) -> bytes:
    """RLP [height, round, digest, [[author, signature], ...]]."""
    prepares = [[signed.author, signed.signature] for signed in certificate.prepares]
    return rlp.encode(
        [
            rlp.from_int(certificate.height),
            rlp.from_int(certificate.round),
            certificate.digest,
            prepares,
        ]
    )


def decode_certificate(data: bytes) -> PreparedCertificate:
    """Read back what this node wrote. Raises RlpError."""
    return _certificate(rlp.decode(data))


def encode_safety_record(record: SafetyRecord) -> bytes:
    """RLP [height, round, code, digest or empty, prepared certificate or empty]."""
    prepared = record.prepared
    return rlp.encode_list(
        [
            rlp.encode(rlp.from_int(record.height)),
            rlp.encode(rlp.from_int(record.round)),
            rlp.encode(rlp.from_int(record.code)),
            rlp.encode(b"" if record.digest is None else record.digest),
            rlp.encode(b"") if prepared is None else encode_certificate(prepared),
        ]
    )


def decode_safety_record(data: bytes) -> SafetyRecord:
    """Read back what this node wrote. Raises RlpError."""
    height, round_, code, digest, prepared = rlp.to_list(rlp.decode(data), 5)
    return SafetyRecord(
        height=_number(height),
        round=_number(round_),
        code=_code(code),
        digest=None if digest == b"" else _hash(digest),
        prepared=None if prepared == b"" else _certificate(prepared),
    )


def encode_evidence(evidence: Evidence) -> bytes:
    """RLP [code, author, payload, signature, payload, signature]."""
    first, second = evidence.first, evidence.second
    return rlp.encode_list(
        [
            rlp.encode(rlp.from_int(first.payload.code)),
            rlp.encode(first.author),
            encode_payload(first.payload),
            rlp.encode(first.signature),
            encode_payload(second.payload),
            rlp.encode(second.signature),
        ]
    )


def decode_evidence(data: bytes) -> Evidence:
    """Read what `encode_evidence` made, proven by `verify_evidence` only.

    Raises RlpError.
    """
    code, author, *pairs = rlp.to_list(rlp.decode(data), 6)
    who = Address(rlp.to_bytes(author, 20))
    payload_of = PAYLOADS[_code(code)]
    first, second = (
        _attributed(payload_of(payload), who, Signature(rlp.to_bytes(signature, 65)))
        for payload, signature in (pairs[:2], pairs[2:])
    )
    return Evidence(first, second)


def verify_evidence(
    evidence: Evidence, domain: SigningDomain, verifier: Verifier
) -> None:
    """Check that one author signed two different payloads of one kind for one height
    and round. Raises EvidenceInvalid."""
    first, second = evidence.first.payload, evidence.second.payload
    if first.code != second.code:
        raise EvidenceInvalid("the payloads are of two kinds")
    if (first.height, first.round) != (second.height, second.round):
        raise EvidenceInvalid("the payloads are of two rounds")
    if first == second:
        raise EvidenceInvalid("the payloads are equal")
    for signed in (evidence.first, evidence.second):
        signed_digest = domain.digest(first.code, encode_payload(signed.payload))
        try:
            author = verifier.recover(signed_digest, signed.signature)
        except SignatureError as error:
            raise EvidenceInvalid(str(error)) from error
        if author != evidence.first.author or signed.author != author:
            raise EvidenceInvalid(f"signed by 0x{author.hex()}, not by the accused")


def _sign(payload: P, domain: SigningDomain, signer: Signer) -> Signed[P]:
    digest = domain.digest(payload.code, encode_payload(payload))
    return Signed(payload, signer.address, signer.sign(digest))


def _attributed(payload: Payload, author: Address, signature: Signature) -> AnySigned:
    match payload:
        case Proposal():
            return Signed(payload, author, signature)
        case Prepare():
            return Signed(payload, author, signature)
        case Commit():
            return Signed(payload, author, signature)
        case RoundChange():
            return Signed(payload, author, signature)


def _encode_pairs(pairs: Iterable[Signed[P]]) -> bytes:
    return rlp.encode_list(
        rlp.encode_list((encode_payload(s.payload), rlp.encode(s.signature)))
        for s in pairs
    )


class _Decoder:
    """Decodes for one chain: every signature it meets is recovered."""

    def __init__(self, domain: SigningDomain, verifier: Verifier) -> None:
        self._domain = domain
        self._verifier = verifier

    def message(self, parts: Sequence[bytes]) -> Message:
        if len(parts) < 3:
            raise MessageInvalid("a message has a code, a payload and a signature")
        code = _code(rlp.decode(parts[0]))
        rest = parts[3:]
        if len(rest) != ATTACHMENTS[code]:
            raise MessageInvalid(f"{code.name} has {ATTACHMENTS[code]} attachments")
        if code is MessageCode.PROPOSAL:
            return self._proposal(parts)
        if code is MessageCode.PREPARE:
            return PrepareMessage(self._signed(_prepare, parts[1], parts[2]))
        if code is MessageCode.COMMIT:
            return CommitMessage(self._signed(_commit, parts[1], parts[2]))
        signed = self._signed(_round_change, parts[1], parts[2])
        return RoundChangeMessage(signed, self._pairs(_prepare, rest[0]))

    def _proposal(self, parts: Sequence[bytes]) -> ProposalMessage:
        raw_hashes = rlp.split_list(parts[4], MAX_PROPOSAL_TRANSACTIONS + 1)
        if len(raw_hashes) > MAX_PROPOSAL_TRANSACTIONS:
            raise MessageInvalid(f"more than {MAX_PROPOSAL_TRANSACTIONS} transactions")
        hashes = tuple(_hash(rlp.decode(raw)) for raw in raw_hashes)
        block = BlockReference(Header.decode(parts[3]), hashes)
        signed = self._signed(_proposal, parts[1], parts[2])
        if block.digest != signed.payload.digest:
            raise MessageInvalid("the block is not the one that is proposed")
        round_changes = self._pairs(_round_change, parts[5])
        prepares = self._pairs(_prepare, parts[6])
        return ProposalMessage(signed, block, round_changes, prepares)

    def _signed(
        self, payload_of: Callable[[rlp.Decoded], P], payload: bytes, signature: bytes
    ) -> Signed[P]:
        # Before any of it is looked into: decoding takes time for each item.
        if len(payload) > MAX_PAYLOAD_BYTES or len(signature) > SIGNATURE_BYTES:
            raise MessageInvalid("a payload or a signature is longer than any can be")
        parsed = payload_of(rlp.decode(payload))
        seal = Signature(rlp.to_bytes(rlp.decode(signature), 65))
        signed_digest = self._domain.digest(parsed.code, payload)
        return Signed(parsed, self._verifier.recover(signed_digest, seal), seal)

    def _pairs(
        self, payload_of: Callable[[rlp.Decoded], P], data: bytes
    ) -> tuple[Signed[P], ...]:
        encoded = rlp.split_list(data, MAX_JUSTIFICATION + 1)
        if len(encoded) > MAX_JUSTIFICATION:
            raise MessageInvalid(f"a justification of more than {MAX_JUSTIFICATION}")
        pairs = [rlp.split_list(pair, 3) for pair in encoded]
        if any(len(pair) != 2 for pair in pairs):
            raise MessageInvalid("a justification holds payloads with signatures")
        return tuple(self._signed(payload_of, *pair) for pair in pairs)


def _number(raw: rlp.Decoded) -> int:
    return rlp.to_int(raw, MAX_NUMBER_BYTES)


def _hash(raw: rlp.Decoded) -> Hash32:
    return Hash32(rlp.to_bytes(raw, 32))


def _code(raw: rlp.Decoded) -> MessageCode:
    number = rlp.to_int(raw, 1)
    if number not in ATTACHMENTS:
        raise rlp.RlpError(f"unknown message code {number}")
    return MessageCode(number)


def _three(raw: rlp.Decoded) -> tuple[int, int, Hash32]:
    height, round_, digest = rlp.to_list(raw, 3)
    return _number(height), _number(round_), _hash(digest)


def _proposal(raw: rlp.Decoded) -> Proposal:
    return Proposal(*_three(raw))


def _prepare(raw: rlp.Decoded) -> Prepare:
    return Prepare(*_three(raw))


def _commit(raw: rlp.Decoded) -> Commit:
    return Commit(*_three(raw))


def _round_change(raw: rlp.Decoded) -> RoundChange:
    height, round_, prepared = rlp.to_list(raw, 3)
    if prepared == []:
        return RoundChange(_number(height), _number(round_))
    prepared_round, digest = rlp.to_list(prepared, 2)
    return RoundChange(
        _number(height), _number(round_), _number(prepared_round), _hash(digest)
    )


def _certificate(raw: rlp.Decoded) -> PreparedCertificate:
    height, round_, digest, prepares = rlp.to_list(raw, 4)
    payload = Prepare(_number(height), _number(round_), _hash(digest))
    signed = []
    for pair in rlp.to_list(prepares):
        author, signature = rlp.to_list(pair, 2)
        who = Address(rlp.to_bytes(author, 20))
        signed.append(Signed(payload, who, Signature(rlp.to_bytes(signature, 65))))
    return PreparedCertificate(
        payload.height, payload.round, payload.digest, tuple(signed)
    )


PAYLOADS: dict[MessageCode, Callable[[rlp.Decoded], Payload]] = {
    MessageCode.PROPOSAL: _proposal,
    MessageCode.PREPARE: _prepare,
    MessageCode.COMMIT: _commit,
    MessageCode.ROUND_CHANGE: _round_change,
}
ATTACHMENTS = {
    MessageCode.PROPOSAL: 4,
    MessageCode.PREPARE: 0,
    MessageCode.COMMIT: 0,
    MessageCode.ROUND_CHANGE: 1,
}
