"""A small certified chain made by hand: known keys, chosen receipts, changing sets.

It answers what `ProofMethods` asks of a backend, so that a receipt is assembled by the
code of a node without one running.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from node.chain.block import Block
from node.chain.certificate import CommitCertificate, commit_payload
from node.chain.genesis import ConsensusConfig
from node.chain.genesis_builder import make_genesis
from node.chain.header import Header, prev_randao_of
from node.chain.proofs.order import MOVED, PLACED
from node.chain.receipt import Log, Receipt, encode_receipt
from node.chain.signing import MessageCode, SigningDomain
from node.chain.validators import ValidatorSet
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey
from node.primitives.trie import list_root
from node.primitives.types import Address, Hash32

T = TypeVar("T")
SHOP = Address(b"\x5e" * 20)
BUYER = Address(b"\xb1" * 20)
KEYS = [PrivateKey(bytes([number]) * 32) for number in range(1, 8)]
FIRST, SECOND = KEYS[:4], KEYS[3:]


def placed_log(order_id: int, quantity: int = 2) -> Log:
    words = (1, 2, 3, quantity, quantity * 10**16, 1, 1_900_000_000)
    topics = (
        keccak256(PLACED.encode()),
        Hash32(order_id.to_bytes(32, "big")),
        Hash32(bytes(12) + BUYER),
        Hash32(b"\x77" * 32),
    )
    return Log(SHOP, topics, b"".join(word.to_bytes(32, "big") for word in words))


def moved_log(order_id: int, status: int) -> Log:
    topics = (
        keccak256(MOVED.encode()),
        Hash32(order_id.to_bytes(32, "big")),
        Hash32(status.to_bytes(32, "big")),
        Hash32(bytes(12) + BUYER),
    )
    return Log(SHOP, topics, (1_900_000_000 + status).to_bytes(32, "big"))


def receipt_of(*logs: Log, succeeded: bool = True) -> bytes:
    return encode_receipt(Receipt(2, succeeded, 21_000, bytes(256), logs))


class MadeChain:
    """Blocks are added one by one; the last one's set may be another."""

    def __init__(self, keys: Sequence[PrivateKey] = FIRST) -> None:
        self.genesis = make_genesis(
            chain_id=7_101,
            validators=[key.address for key in keys],
            balances={BUYER: 10**18},
            consensus=ConsensusConfig(),
            timestamp=1_700_000_000,
        )
        self._keys = list(keys)
        self._headers: list[Header] = [self.genesis.header]
        self._sets = [self.genesis.validators]
        self._receipts: list[tuple[bytes, ...]] = [()]
        self._certificates: list[bytes | None] = [None]

    def add(
        self, *receipts: bytes, next_keys: Sequence[PrivateKey] | None = None
    ) -> int:
        """A block with these receipts; its height."""
        signers = self._keys
        if next_keys is not None:
            self._keys = list(next_keys)
        after = ValidatorSet.of([key.address for key in self._keys])
        parent = self._headers[-1]
        header = replace(
            parent,
            parent_hash=parent.digest,
            number=parent.number + 1,
            timestamp=parent.timestamp + 1,
            receipts_root=list_root(receipts),
            extra_data=after.digest,
            prev_randao=prev_randao_of(parent.digest, parent.number + 1),
        )
        self._headers.append(header)
        self._sets.append(after)
        self._receipts.append(receipts)
        self._certificates.append(self.certify(header, signers).encode())
        return header.number

    def certify(
        self, header: Header, signers: Sequence[PrivateKey]
    ) -> CommitCertificate:
        """The signatures of as many signers as decide."""
        domain = SigningDomain(self.genesis.chain_id, self.genesis.digest)
        payload = commit_payload(header.number, 0, header.digest)
        digest = domain.digest(MessageCode.COMMIT, payload)
        enough = signers[: -(-2 * len(signers) // 3)]
        seals = tuple(key.sign(digest) for key in enough)
        return CommitCertificate(header.number, 0, header.digest, seals)

    def header(self, number: int) -> Header:
        return self._headers[number]

    # What a backend answers

    def locate(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        """The hash of a made transaction is its place: height, then position."""
        number = int.from_bytes(transaction_hash[:16], "big")
        return number, int.from_bytes(transaction_hash[16:], "big")

    def block(self, number: int) -> Block:
        return Block(self._headers[number], ())

    def receipts(self, number: int) -> tuple[bytes, ...]:
        return self._receipts[number]

    def certificate(self, number: int) -> bytes | None:
        return self._certificates[number]

    def validators(self, number: int) -> tuple[Address, ...]:
        return self._sets[number].addresses

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        async def done() -> T:
            return work()

        return done()


def hash_of(number: int, position: int) -> str:
    """How `locate` is asked for a made transaction."""
    return f"0x{number:032x}{position:032x}"
