"""Commit certificates: what proves finality, and what does not."""

import pytest

from node.chain.certificate import (
    MAX_SEALS,
    CertificateError,
    CommitCertificate,
    commit_payload,
    signers_of,
    validate_certificate,
)
from node.chain.signing import (
    MessageCode,
    Secp256k1Verifier,
    SigningDomain,
    signer_of,
)
from node.chain.validators import ValidatorSet
from node.primitives.keccak import keccak256
from node.primitives.rlp import RlpError
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Signature

DOMAIN = SigningDomain(7_001, keccak256(b"genesis"))
VERIFIER = Secp256k1Verifier()
KEYS = [PrivateKey(bytes([n]) * 32) for n in range(1, 5)]
SET = ValidatorSet.of([key.address for key in KEYS])
DIGEST = keccak256(b"block")


def certificate(
    keys: list[PrivateKey],
    code: MessageCode = MessageCode.COMMIT,
    domain: SigningDomain = DOMAIN,
    round_: int = 1,
) -> CommitCertificate:
    signed = domain.digest(code, commit_payload(9, 1, DIGEST))
    seals = tuple(key.sign(signed) for key in keys)
    return CommitCertificate(9, round_, DIGEST, seals)


def refusal(found: CommitCertificate) -> str:
    with pytest.raises(CertificateError) as caught:
        validate_certificate(found, SET, DOMAIN, VERIFIER)
    return str(caught.value)


def test_a_quorum_of_seals_proves_the_block() -> None:
    for count in (3, 4):
        validate_certificate(certificate(KEYS[:count]), SET, DOMAIN, VERIFIER)


def test_the_signers_come_in_the_order_of_the_seals() -> None:
    signers = signers_of(certificate(KEYS[::-1]), DOMAIN, VERIFIER)
    assert signers == [key.address for key in KEYS[::-1]]


def test_what_proves_nothing_is_refused_with_its_reason() -> None:
    stranger = PrivateKey(b"\x09" * 32)
    assert refusal(certificate(KEYS[:2])) == "2 seals are no quorum of 4 validators"
    assert refusal(certificate([])) == "0 seals are no quorum of 4 validators"
    assert "sealed twice" in refusal(certificate([*KEYS[:2], KEYS[0]]))
    assert "not a validator" in refusal(certificate([*KEYS[:2], stranger]))
    assert "more seals" in refusal(certificate([*KEYS, stranger]))
    no_seal = CommitCertificate(9, 1, DIGEST, (Signature(bytes(65)),))
    assert "no signature" in refusal(no_seal)


def test_seals_bind_kind_chain_genesis_and_round() -> None:
    """A PREPARE, another chain's COMMIT or another round's seals nothing here."""
    for wrong in (
        certificate(KEYS[:3], code=MessageCode.PREPARE),
        certificate(KEYS[:3], domain=SigningDomain(1, DOMAIN.genesis_hash)),
        certificate(KEYS[:3], domain=SigningDomain(7_001, keccak256(b"other"))),
        certificate(KEYS[:3], round_=2),
    ):
        assert "not a validator" in refusal(wrong)


def test_a_certificate_is_read_back() -> None:
    found = certificate(KEYS)
    assert CommitCertificate.decode(found.encode()) == found
    for broken in (found.encode()[:-1], b"\xc0", found.encode() + b"\0"):
        with pytest.raises(RlpError):
            CommitCertificate.decode(broken)


def test_the_number_of_seals_is_bounded() -> None:
    seals = certificate(KEYS[:1]).seals * (MAX_SEALS + 1)
    with pytest.raises(RlpError, match=f"more than {MAX_SEALS}"):
        CommitCertificate.decode(CommitCertificate(9, 1, DIGEST, seals).encode())


def test_the_signer_is_the_key_of_the_file() -> None:
    signer = signer_of(b"\x01" * 32)
    assert signer.address == KEYS[0].address
    with pytest.raises(ValueError, match="32 bytes"):
        signer_of(b"short")
