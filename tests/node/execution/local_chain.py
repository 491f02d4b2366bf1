"""A chain on one executor: builds blocks of drafts, executes, commits."""

from collections.abc import Sequence
from dataclasses import replace

from node.chain.block import Block
from node.chain.genesis import ConsensusConfig, Genesis
from node.chain.genesis_builder import make_genesis
from node.chain.header import Header, prev_randao_of
from node.chain.receipt import Receipt, decode_receipt
from node.execution.executor import (
    BlockEnv,
    BuildLimits,
    BuiltBlock,
    Executed,
    Executor,
    StateView,
)
from node.primitives.types import Address
from tests.node.execution.assembler import initcode
from tests.node.execution.signing import CHAIN_ID, Draft, address_of

WORDS = ("alice", "bob", "carol", "dave")
PURSE = 10**24
GENESIS_TIME = 1_700_000_000
LIMITS = BuildLimits(gas=30_000_000, bytes=1_000_000, time_ms=60_000)


def genesis_for(
    words: Sequence[str] = WORDS,
    validators: Sequence[str] = ("v1",),
    consensus: ConsensusConfig | None = None,
) -> Genesis:
    """A network where each of the words' accounts owns PURSE."""
    return make_genesis(
        CHAIN_ID,
        [address_of(word) for word in validators],
        {address_of(word): PURSE for word in {*words, *validators}},
        consensus or ConsensusConfig(),
        GENESIS_TIME,
    )


class LocalChain:
    """Grows block by block; `header` is the head."""

    def __init__(self, executor: Executor, genesis: Genesis) -> None:
        self.executor = executor
        self.genesis = genesis
        self.header: Header = genesis.header
        self.blocks: list[bytes] = []

    def env(self, coinbase: Address | None = None) -> BlockEnv:
        """What the next block will be told."""
        number = self.header.number + 1
        return BlockEnv(
            number=number,
            timestamp=self.header.timestamp + 1,
            coinbase=coinbase or self.genesis.validators.addresses[0],
            gas_limit=self.genesis.consensus.gas_limit,
            base_fee_per_gas=self.genesis.consensus.header_rules.base_fee_after(
                self.header
            ),
            prev_randao=prev_randao_of(self.header.digest, number),
        )

    def build(self, raws: Sequence[bytes], limits: BuildLimits = LIMITS) -> BuiltBlock:
        """A block on the head; neither committed nor discarded."""
        return self.executor.build(self.header, self.env(), raws, limits)

    def commit(self, built: BuiltBlock) -> Executed:
        """Make it the head."""
        self.executor.commit(built.executed.digest)
        self.header = Block.decode(built.block).header
        self.blocks.append(built.block)
        return built.executed

    def add(self, *raws: bytes) -> Executed:
        """A committed block that must hold all of them."""
        built = self.build(raws)
        assert len(built.included) == len(raws), built.refused
        return self.commit(built)

    def send(self, word: str, draft: Draft) -> tuple[Executed, Receipt]:
        """A block with one transaction of the account, its nonce filled in."""
        nonce = self.view().nonce(address_of(word))
        executed = self.add(replace(draft, nonce=nonce).sign(word))
        return executed, decode_receipt(executed.receipts[0])

    def deploy(self, runtime: bytes, word: str = "alice") -> Address:
        """Place runtime code by a transaction; the contract's address."""
        draft = Draft(data=initcode(runtime), gas=5_000_000)
        executed, receipt = self.send(word, draft)
        assert receipt.succeeded
        return Address(executed.created[0])

    def view(self) -> StateView:
        """The head's state."""
        return self.executor.view(self.header.digest)
