"""Certified chains for tests of catching up: real keys, real seals, empty blocks."""

from dataclasses import dataclass

from node.chain.block import Block
from node.chain.certificate import CommitCertificate, commit_payload
from node.chain.header import Header, prev_randao_of
from node.chain.header_rules import HeaderRules
from node.chain.signing import MessageCode, Secp256k1Verifier, SigningDomain
from node.chain.validators import ValidatorSet
from node.primitives.secp256k1 import PrivateKey
from node.primitives.trie import list_root
from node.primitives.types import Hash32
from node.sync.verification import Checks
from tests.node.storage.samples import GENESIS, child_of

DOMAIN = SigningDomain(7_001, GENESIS.digest)
CHECKS = Checks(DOMAIN, Secp256k1Verifier(), HeaderRules(30_000_000, True, 15))
KEYS = [PrivateKey(bytes([3]) * 31 + bytes([n])) for n in range(1, 8)]


def set_of(keys: list[PrivateKey]) -> ValidatorSet:
    """The validators that hold these keys."""
    return ValidatorSet.of([key.address for key in keys])


FIRST = KEYS[:4]
LATER = KEYS[2:6]


@dataclass(frozen=True, slots=True)
class Link:
    """One block of a chain, encoded, and the set that signs the next."""

    header: Header
    block: bytes
    certificate: bytes
    validators: ValidatorSet

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """As it travels."""
        return self.block, self.certificate


def seal(height: int, digest: Hash32, keys: list[PrivateKey]) -> bytes:
    """A certificate with these seals."""
    signed = DOMAIN.digest(MessageCode.COMMIT, commit_payload(height, 0, digest))
    seals = tuple(key.sign(signed) for key in keys)
    return CommitCertificate(height, 0, digest, seals).encode()


def chain(length: int, change_at: int = 0) -> list[Link]:
    """Blocks 1 to `length`; from the block after `change_at` on LATER signs."""
    links: list[Link] = []
    parent = GENESIS
    signing = FIRST
    for height in range(1, length + 1):
        following = LATER if change_at and height >= change_at else FIRST
        raws = (b"\x02transaction %d" % height,)
        header = child_of(
            parent,
            base_fee_per_gas=0,
            prev_randao=prev_randao_of(parent.digest, height),
            transactions_root=list_root(raws),
            withdrawals_root=GENESIS.withdrawals_root,
            extra_data=set_of(following).digest,
        )
        certificate = seal(height, header.digest, signing[:3])
        block = Block(header, raws).encode()
        links.append(Link(header, block, certificate, set_of(following)))
        parent, signing = header, following
    return links
