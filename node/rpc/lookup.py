"""From block ids to blocks and states, with geth's errors for what is not there."""

from typing import Generic, TypeVar

from node.chain.block import Block
from node.chain.header import Header, prev_randao_of
from node.execution.executor import (
    BlockEnv,
    StateTooDistant,
    StateView,
    UnknownState,
)
from node.primitives.types import Hash32
from node.rpc.backend import Backend
from node.rpc.errors import server_error
from node.rpc.params import BlockId

MAX_REMEMBERED = 64
_NOT_FOUND = "header not found"

T = TypeVar("T")


def number_of(backend: Backend, block_id: BlockId) -> int | None:
    """The height meant, None when there is no such block.

    latest, safe and finalized are one: there are no reorganisations.
    """
    if block_id.digest is not None:
        return backend.number_of(block_id.digest)
    if block_id.tag == "earliest":
        return 0
    head = backend.head().number
    if block_id.number is None:
        return head
    return block_id.number if block_id.number <= head else None


def find_block(backend: Backend, block_id: BlockId) -> Block | None:
    """The block meant, None when there is none."""
    number = number_of(backend, block_id)
    return None if number is None else backend.block(number)


def require_block(backend: Backend, block_id: BlockId) -> Block:
    """The block meant. Raises RpcError, also for a number above the head."""
    block = find_block(backend, block_id)
    if block is None:
        is_hash = block_id.digest is not None
        raise server_error("header for hash not found" if is_hash else _NOT_FOUND)
    return block


def require_state(backend: Backend, block_id: BlockId) -> tuple[Header, StateView]:
    """Header and state of the block meant. Raises RpcError: there is no such block, its
    state is kept no more, or would take too long to make."""
    header = require_block(backend, block_id).header
    try:
        return header, backend.view(header.digest)
    except StateTooDistant as error:
        raise server_error(str(error.args[0])) from None
    except UnknownState:
        raise server_error(
            f"missing trie node: the state of block {header.number} is pruned; "
            "this node keeps recent states only ([storage] archive = true keeps all)",
        ) from None


def env_on(backend: Backend, parent: Header, timestamp: int | None = None) -> BlockEnv:
    """The environment that a call sees: the block that would follow `parent`."""
    number = parent.number + 1
    return BlockEnv(
        number=number,
        timestamp=parent.timestamp if timestamp is None else timestamp,
        coinbase=parent.coinbase,
        gas_limit=parent.gas_limit,
        base_fee_per_gas=backend.rules.base_fee_after(parent),
        prev_randao=prev_randao_of(parent.digest, number),
    )


def env_of(header: Header) -> BlockEnv:
    """The environment of a block that exists, for calls against its state."""
    return BlockEnv(
        number=header.number,
        timestamp=header.timestamp,
        coinbase=header.coinbase,
        gas_limit=header.gas_limit,
        base_fee_per_gas=header.base_fee_per_gas,
        prev_randao=header.prev_randao,
    )


class PerBlock(Generic[T]):
    """What was computed of recent blocks, by digest: at most MAX_REMEMBERED of them."""

    def __init__(self) -> None:
        self._known: dict[Hash32, T] = {}

    def get(self, digest: Hash32) -> T | None:
        """What is known of the block."""
        return self._known.get(digest)

    def put(self, digest: Hash32, value: T) -> None:
        """Remember it; the oldest is forgotten for it."""
        self._known[digest] = value
        if len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
