"""What a dev chain is made of: blocks with their marks, settings, snapshots, rules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.chain.block import Block
from node.chain.genesis import Genesis
from node.chain.header import Header, prev_randao_of
from node.chain.header_rules import HeaderRules
from node.execution.executor import BlockEnv, BuiltBlock
from node.networks.devchain.clock import ClockState
from node.primitives import rlp
from node.primitives.types import Address, Hash32
from node.txpool.entries import Entry, Selection

Step = tuple[str, Any]
"""block: Block; edit: changes; chain_id: number; rewind: (height, mark)."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A block with what is asked about it; `mark` is the state just before it."""

    block: Block
    receipts: tuple[bytes, ...]
    hashes: tuple[Hash32, ...]
    senders: tuple[Address, ...]
    mark: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A block that is not built yet: the mark of the state below, what was chosen."""

    mark: int
    timestamp: int
    chosen: Selection
    build: Callable[[], BuiltBlock]


@dataclass(frozen=True, slots=True)
class Environment:
    """What cheat methods set for blocks to come; `next_*` for the next one alone."""

    coinbase: Address
    gas_limit: int
    next_base_fee: int | None = None
    next_prev_randao: Hash32 | None = None
    chain_id: int = 0

    @property
    def is_for_one_block(self) -> bool:
        """Whether something is set for the next block alone."""
        return self.next_base_fee is not None or self.next_prev_randao is not None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that `evm_revert` brings back."""

    mark: int
    height: int
    environment: Environment
    clock: ClockState
    impersonated: frozenset[Address]
    waiting: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class DevRules(HeaderRules):
    """Those of every chain; `next_base_fee`, once set, is what the next block has."""

    next_base_fee: int | None = None

    def base_fee_after(self, parent: Header) -> int:
        """See HeaderRules."""
        if self.next_base_fee is not None:
            return self.next_base_fee
        # Not super(): dataclasses with slots are made anew, and super() loses them.
        return HeaderRules.base_fee_after(self, parent)


def block_of(built: BuiltBlock, chosen: Selection) -> Block:
    """The block; its transactions are those chosen, and not taken apart again."""
    header, *_ = rlp.split_list(built.block)
    raws = tuple(chosen.raws[position] for position in built.included)
    return Block(Header.decode(header), raws)


def rules_of(genesis: Genesis, environment: Environment) -> HeaderRules:
    """The rules of the next header."""
    consensus = genesis.consensus
    return DevRules(
        gas_limit=environment.gas_limit,
        zero_base_fee=consensus.zero_base_fee,
        max_clock_drift_s=consensus.max_clock_drift_s,
        next_base_fee=environment.next_base_fee,
    )


def block_env(
    parent: Header, environment: Environment, rules: HeaderRules, timestamp: int
) -> BlockEnv:
    """What the next block is built with."""
    number = parent.number + 1
    return BlockEnv(
        number=number,
        timestamp=timestamp,
        coinbase=environment.coinbase,
        gas_limit=environment.gas_limit,
        base_fee_per_gas=rules.base_fee_after(parent),
        prev_randao=environment.next_prev_randao
        or prev_randao_of(parent.digest, number),
    )
