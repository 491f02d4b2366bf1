"""What a node does before it takes part: make the state agree with the block log.

The block log is the truth. The executor may be behind it (its last commits were lost in
a crash): what is missing is executed again. An executor that is ahead, or stands on
another block, means that one of the two was replaced or restored: refused. Look-ups
that were lost are made anew.
"""

import logging
from collections.abc import Iterator
from functools import partial

from node.chain.block import Block
from node.chain.genesis import Genesis
from node.chain.validators import ValidatorSet
from node.driver.heads import Head
from node.driver.ports import BlockStore, FinalBlock, Lanes, StorageFailed, StoredBlock
from node.execution.executor import BlockInvalid, Executor
from node.primitives.types import Hash32

FLUSH_EVERY = 64
REPORT_EVERY = 1_000

log = logging.getLogger(__name__)


async def recover(
    genesis: Genesis, store: BlockStore, executor: Executor, lanes: Lanes
) -> Head:
    """The head to go on from. Raises StorageFailed."""
    head = _head(genesis, store)
    height, digest = executor.head
    newest = head.header.number
    if height > newest or digest != _digest_at(genesis, store, height):
        raise StorageFailed(
            f"the state (block {height}, 0x{digest.hex()}) does not belong to the "
            f"block log (up to block {newest}): one of the two was replaced or "
            "restored; remove the folder `state`, it is rebuilt from the block log"
        )
    for stored in _from(store, height + 1):
        await lanes.executor(partial(_replay, executor, stored))
        if stored.height % REPORT_EVERY == 0:
            log.info("executed block %d of %d again", stored.height, newest)
    for stored in _from(store, store.indexed_height() + 1):
        store.stage(_restaged(stored, head.validators))
        if stored.height % FLUSH_EVERY == 0 or stored.height == newest:
            await lanes.background(store.flush)
    return head


def _head(genesis: Genesis, store: BlockStore) -> Head:
    stored = store.head()
    if stored is None:
        return Head(genesis.header, genesis.validators)
    header = Block.decode(stored.block).header
    validators = store.validators_of(Hash32(header.extra_data))
    if validators is None:
        raise StorageFailed(
            f"the block log does not hold the validators after block {header.number}: "
            "it is damaged; move the directory aside and join again with an empty one"
        )
    return Head(header, validators)


def _digest_at(genesis: Genesis, store: BlockStore, height: int) -> Hash32 | None:
    if height == 0:
        return genesis.digest
    stored = store.at(height)
    return stored.digest if stored else None


def _from(store: BlockStore, height: int) -> Iterator[StoredBlock]:
    while (stored := store.at(height)) is not None:
        yield stored
        height += 1


def _replay(executor: Executor, stored: StoredBlock) -> None:
    try:
        executor.execute(stored.block)
    except BlockInvalid as error:
        raise StorageFailed(
            f"block {stored.height} of the block log does not execute: {error}; the "
            "log, the state or the executor is wrong: remove the folder `state`, and "
            "if that does not help, join again with an empty directory"
        ) from error
    executor.commit(stored.digest)


def _restaged(stored: StoredBlock, validators: ValidatorSet) -> FinalBlock:
    """Enough of a block for the look-ups."""
    block = Block.decode(stored.block)
    hashes = tuple(block.transaction_hashes())
    certificate = stored.certificate
    return FinalBlock(block.header, stored.block, certificate, (), hashes, validators)
