"""Names, blocks and cheap signatures for tests of the consensus core.

Validators are called A, B, C, ... in ascending order of address; the genesis coinbase
is zero, so A proposes in round 0 of height 1.
"""

from node.chain.header import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    PARENT_BEACON_BLOCK_ROOT,
    Header,
    prev_randao_of,
)
from node.chain.signing import SigningDomain
from node.chain.validators import ValidatorSet
from node.consensus.codec import sign_draft
from node.consensus.messages import (
    BlockReference,
    Commit,
    CommitDraft,
    CommitMessage,
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
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import SignatureError
from node.primitives.trie import EMPTY_TRIE_ROOT
from node.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, Signature

DOMAIN = SigningDomain(7_001, keccak256(b"a test chain"))
NAMES = "ABCDEFGHIJ"


def who(name: str) -> Address:
    """The address of the validator of this name."""
    return Address(bytes([0xA0 + NAMES.index(name)]) * 20)


def name_of(address: Address) -> str:
    """The other way round; "0" for the genesis coinbase."""
    return "0" if address == ZERO_ADDRESS else NAMES[address[0] - 0xA0]


def validators(names: str = "ABCD") -> ValidatorSet:
    """The set of these validators."""
    return ValidatorSet.of([who(name) for name in names])


class HashSigner:
    """Signs with a hash anybody could make: no test here depends on secrecy."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def sign(self, digest: Hash32) -> Signature:
        return Signature((self.address + keccak256(self.address + digest)).ljust(65))


class HashVerifier:
    """Recovers what HashSigner signed."""

    def recover(self, digest: Hash32, signature: bytes) -> Address:
        author = Address(signature[:20])
        if HashSigner(author).sign(digest) != signature:
            raise SignatureError("not a signature of this digest")
        return author


def make_header(parent: Header | None, coinbase: Address, tag: str = "") -> Header:
    """A header on the parent; another tag makes another block."""
    number = parent.number + 1 if parent else 0
    parent_hash = parent.digest if parent else ZERO_HASH
    return Header(
        parent_hash=parent_hash,
        ommers_hash=EMPTY_OMMERS_HASH,
        coinbase=coinbase,
        state_root=keccak256(tag.encode()),
        transactions_root=EMPTY_TRIE_ROOT,
        receipts_root=EMPTY_TRIE_ROOT,
        logs_bloom=bytes(256),
        difficulty=0,
        number=number,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=1_700_000_000 + number,
        extra_data=bytes(32),
        prev_randao=prev_randao_of(parent_hash, number),
        nonce=bytes(8),
        base_fee_per_gas=7,
        withdrawals_root=EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=PARENT_BEACON_BLOCK_ROOT,
        requests_hash=EMPTY_REQUESTS_HASH,
    )


GENESIS = make_header(None, ZERO_ADDRESS)


def block(coinbase: str, tag: str = "", parent: Header = GENESIS) -> BlockReference:
    """A block of the named validator on the parent."""
    return BlockReference(make_header(parent, who(coinbase), tag), ())


class Peer:
    """A validator played by the test: makes its signed messages."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = who(name)
        self._signer = HashSigner(self.address)

    def proposal(
        self,
        round_: int,
        proposed: BlockReference,
        round_changes: tuple[Signed[RoundChange], ...] = (),
        prepares: tuple[Signed[Prepare], ...] = (),
    ) -> ProposalMessage:
        payload = Proposal(proposed.header.number, round_, proposed.digest)
        draft = ProposalDraft(payload, proposed, round_changes, prepares)
        message = sign_draft(draft, DOMAIN, self._signer)
        assert isinstance(message, ProposalMessage)
        return message

    def prepare(self, round_: int, digest: Hash32, height: int = 1) -> PrepareMessage:
        draft = PrepareDraft(Prepare(height, round_, digest))
        message = sign_draft(draft, DOMAIN, self._signer)
        assert isinstance(message, PrepareMessage)
        return message

    def commit(self, round_: int, digest: Hash32, height: int = 1) -> CommitMessage:
        draft = CommitDraft(Commit(height, round_, digest))
        message = sign_draft(draft, DOMAIN, self._signer)
        assert isinstance(message, CommitMessage)
        return message

    def round_change(
        self, round_: int, held: PreparedCertificate | None = None, height: int = 1
    ) -> RoundChangeMessage:
        change = RoundChange(height, round_)
        if held is not None:
            change = RoundChange(height, round_, held.round, held.digest)
        draft = RoundChangeDraft(change, held.prepares if held else ())
        message = sign_draft(draft, DOMAIN, self._signer)
        assert isinstance(message, RoundChangeMessage)
        return message


def certificate(
    names: str, round_: int, digest: Hash32, height: int = 1
) -> PreparedCertificate:
    """The named validators prepared this block in this round."""
    prepares = tuple(Peer(n).prepare(round_, digest, height).signed for n in names)
    return PreparedCertificate(height, round_, digest, prepares)


def round_changes(
    names: str, round_: int, held: PreparedCertificate | None = None
) -> tuple[Signed[RoundChange], ...]:
    """Signed ROUND_CHANGEs of the named validators, all with the same certificate."""
    return tuple(Peer(n).round_change(round_, held).signed for n in names)
