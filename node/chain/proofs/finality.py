"""That a block is final, shown to somebody who has nothing but the genesis file.

The header, its commit certificate, and every block at which the validator set changed
since genesis, each with its own certificate and the members that follow. Blocks between
the changes are skipped: their headers would say nothing but "the same set again".

What this trusts, besides the genesis file: that of each set named here more than two
thirds stayed honest, also after they had left. Former validators who sell their keys
could sign another past; a node that follows the chain is not fooled by that, a lone
file is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.chain.certificate import (
    CertificateError,
    CommitCertificate,
    validate_certificate,
)
from node.chain.genesis import Genesis
from node.chain.header import Header
from node.chain.signing import Secp256k1Verifier, SigningDomain
from node.chain.validators import ValidatorSet
from node.primitives.types import Address


class ProofInvalid(ValueError):
    """The proof does not show what it says; the message names the part and why."""


@dataclass(frozen=True, slots=True)
class CertifiedHeader:
    """A header and the signatures that made it final; nothing is checked yet."""

    header: Header
    certificate: CommitCertificate


@dataclass(frozen=True, slots=True)
class SetChange:
    """A block after which other validators sign, and who they are."""

    block: CertifiedHeader
    validators: tuple[Address, ...]


def verify_finality(
    block: CertifiedHeader, changes: Sequence[SetChange], genesis: Genesis
) -> ValidatorSet:
    """Check a block from genesis on; returns the set that signed it.

    Raises ProofInvalid.
    """
    domain = SigningDomain(genesis.chain_id, genesis.digest)
    signers = genesis.validators
    height = 0
    for change in changes:
        header = change.block.header
        what = f"the change of validators at block {header.number}"
        if header.number <= height:
            raise ProofInvalid(f"{what} does not follow the one before it")
        _verify_block(change.block, signers, domain, what)
        signers = _next_set(change, signers, what)
        height = header.number
    what = f"block {block.header.number}"
    if block.header.number <= height:
        raise ProofInvalid(f"{what} is not after the last change of validators")
    _verify_block(block, signers, domain, what)
    return signers


def set_changes(digest_after: Callable[[int], bytes], number: int) -> list[int]:
    """Heights of the changes that a proof of block `number` needs, ascending.

    `digest_after` gives the hash of the set that signs after a height (the header's
    extra data). A change that was undone before `number` may be left out.
    """
    found = []
    height = 0
    while digest_after(height) != digest_after(number - 1):
        current = digest_after(height)
        same, other = height, number - 1
        while other - same > 1:
            middle = (same + other) // 2
            if digest_after(middle) == current:
                same = middle
            else:
                other = middle
        found.append(other)
        height = other
    return found


def _next_set(change: SetChange, before: ValidatorSet, what: str) -> ValidatorSet:
    try:
        after = ValidatorSet(change.validators)
    except ValueError as error:
        raise ProofInvalid(f"{what}: {error}") from error
    if after.digest != change.block.header.extra_data:
        raise ProofInvalid(f"{what} names other validators than its header")
    if after == before:
        raise ProofInvalid(f"{what} changes nothing")
    return after


def _verify_block(
    block: CertifiedHeader, signers: ValidatorSet, domain: SigningDomain, what: str
) -> None:
    certificate = block.certificate
    if certificate.height != block.header.number:
        raise ProofInvalid(f"{what}: the certificate is of another height")
    if certificate.digest != block.header.digest:
        raise ProofInvalid(f"{what}: the certificate is of another block")
    try:
        validate_certificate(certificate, signers, domain, Secp256k1Verifier())
    except CertificateError as error:
        raise ProofInvalid(f"{what}: {error}") from error
