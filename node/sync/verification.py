"""What a block from a peer must show before it is executed.

A certificate proves the header: a quorum of the validators of exactly that height
sealed its hash. The body follows from the header only through the transactions root,
which execution checks; `body_matches` tells afterwards whether a failed execution was
the peer's lie (a body of its own under a true header) or our own divergence.
"""

from dataclasses import dataclass

from node.chain.block import Block
from node.chain.certificate import (
    CertificateError,
    CommitCertificate,
    validate_certificate,
)
from node.chain.header import Header
from node.chain.header_rules import HeaderInvalid, HeaderRules
from node.chain.signing import SigningDomain, Verifier
from node.chain.validators import ValidatorSet
from node.primitives import rlp
from node.primitives.trie import list_root


class BlockRefused(ValueError):
    """A block from a peer is not what it must be; the message says why."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What blocks are checked against besides their parent."""

    domain: SigningDomain
    verifier: Verifier
    rules: HeaderRules


@dataclass(frozen=True, slots=True)
class CertifiedBlock:
    """A final block whose header and certificate have been checked."""

    block: Block
    certificate: CommitCertificate
    raw_block: bytes


def verify(
    raw_block: bytes,
    raw_certificate: bytes,
    parent: Header,
    validators: ValidatorSet,
    checks: Checks,
) -> CertifiedBlock:
    """Check the block that follows `parent`. Raises BlockRefused."""
    try:
        block = Block.decode(raw_block)
        certificate = CommitCertificate.decode(raw_certificate)
        checks.rules.validate(block.header, parent, now_s=None)
        if certificate.height != block.header.number:
            raise BlockRefused("the certificate is of another height")
        if certificate.digest != block.digest:
            raise BlockRefused("the certificate is of another block")
        validate_certificate(certificate, validators, checks.domain, checks.verifier)
    except (rlp.RlpError, HeaderInvalid, CertificateError) as error:
        raise BlockRefused(str(error)) from error
    return CertifiedBlock(block, certificate, raw_block)


def body_matches(block: Block) -> bool:
    """Whether the body is the one whose root the header holds."""
    return list_root(block.transactions) == block.header.transactions_root
