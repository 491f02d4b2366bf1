"""The commit certificate: why a block is final.

It holds the height, the round, the block hash and at least a quorum of COMMIT
signatures. Two certificates of one height may differ in round and signers; their block
hash may not. A customer needs the genesis file, the header and this to believe a block.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from node.chain.signing import MessageCode, SigningDomain, Verifier
from node.chain.validators import ValidatorSet
from node.primitives import rlp
from node.primitives.secp256k1 import SignatureError
from node.primitives.types import Address, Hash32, Signature, hash32

MAX_SEALS = 256


class CertificateError(ValueError):
    """The certificate does not prove that the block is final; says why."""


@dataclass(frozen=True, slots=True)
class CommitCertificate:
    """At least a quorum of COMMIT signatures for one (height, round, digest)."""

    height: int
    round: int
    digest: Hash32
    seals: tuple[Signature, ...]

    def encode(self) -> bytes:
        """RLP [height, round, digest, [seal, ...]]."""
        return rlp.encode(
            [
                rlp.from_int(self.height),
                rlp.from_int(self.round),
                self.digest,
                list(self.seals),
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> "CommitCertificate":
        """Parse what `encode` makes. Raises RlpError."""
        height, round_, digest, seals = rlp.to_list(rlp.decode(data), 4)
        raws = rlp.to_list(seals)
        if len(raws) > MAX_SEALS:
            raise rlp.RlpError(f"more than {MAX_SEALS} seals")
        return cls(
            rlp.to_int(height, 8),
            rlp.to_int(round_, 8),
            hash32(rlp.to_bytes(digest, 32)),
            tuple(Signature(rlp.to_bytes(raw, 65)) for raw in raws),
        )


def commit_payload(height: int, round_: int, digest: Hash32) -> bytes:
    """RLP of what a COMMIT signs."""
    return rlp.encode([rlp.from_int(height), rlp.from_int(round_), digest])


def signers_of(
    certificate: CommitCertificate, domain: SigningDomain, verifier: Verifier
) -> list[Address]:
    """Who signed, in the order of the seals. Raises CertificateError."""
    payload = commit_payload(certificate.height, certificate.round, certificate.digest)
    signed = domain.digest(MessageCode.COMMIT, payload)
    try:
        return [verifier.recover(signed, seal) for seal in certificate.seals]
    except SignatureError as error:
        raise CertificateError(f"a seal is no signature: {error}") from error


def validate_certificate(
    certificate: CommitCertificate,
    validators: ValidatorSet,
    domain: SigningDomain,
    verifier: Verifier,
) -> None:
    """Check that a quorum of the validators signed. Raises CertificateError."""
    if len(certificate.seals) > len(validators):
        raise CertificateError("more seals than validators")
    signers = signers_of(certificate, domain, verifier)
    if len(set(signers)) != len(signers):
        raise CertificateError("a validator sealed twice")
    strangers = _strangers(signers, validators)
    if strangers:
        raise CertificateError(f"sealed by 0x{strangers[0].hex()}, not a validator")
    if len(signers) < validators.quorum:
        raise CertificateError(
            f"{len(signers)} seals are no quorum of {len(validators)} validators"
        )


def _strangers(signers: Iterable[Address], validators: ValidatorSet) -> list[Address]:
    return [signer for signer in signers if signer not in validators]
