"""At start the state follows the block log, or the node says what does not fit."""

import shutil
from pathlib import Path

import pytest

from node.driver.blocks.recovery import recover
from node.driver.ports import Lanes, StorageFailed
from node.execution.pyevm import PyEvmExecutor
from node.primitives.keccak import keccak256
from node.storage.block_store import SqliteBlockStore
from tests.node.driver.cluster import Cluster, TestNode, genesis_of, inline, transfer

LANES = Lanes(inline, inline, inline, inline)  # type: ignore[arg-type]


async def grown(path: Path, transactions: int) -> TestNode:
    """A single validator's directory with blocks, stopped."""
    async with Cluster(path, 1) as cluster:
        node = cluster.nodes[0]
        for nonce in range(transactions):
            await node.include([transfer(0, nonce)])
    return node


async def test_a_lost_state_is_executed_again(tmp_path: Path) -> None:
    node = await grown(tmp_path, 3)
    shutil.rmtree(node.path / "state")
    await node.start()
    assert node.driver.head.header.number >= 3
    view = node.executor.view(node.driver.head.header.digest)
    assert view.nonce(node.key.address) == 0
    await node.include([transfer(0, 3)])
    await node.kill()


async def test_lost_lookups_are_made_anew(tmp_path: Path) -> None:
    node = await grown(tmp_path, 3)
    for file in (node.path / "blocks").glob("index.db*"):
        file.unlink()
    await node.start()
    for nonce in range(3):
        assert node.store.location(keccak256(transfer(0, nonce))) is not None
    assert node.store.indexed_height() == node.driver.head.header.number
    await node.kill()


async def test_a_lost_block_log_under_a_newer_state_is_refused(tmp_path: Path) -> None:
    node = await grown(tmp_path, 20)
    genesis = node.genesis
    identity = b"identity-16bytes"
    SqliteBlockStore.create(tmp_path / "fresh", genesis.digest, identity)
    store = SqliteBlockStore.open(tmp_path / "fresh", genesis.digest)
    executor = PyEvmExecutor(node.path / "state", genesis)
    assert executor.head[0] > 0
    with pytest.raises(StorageFailed, match="remove the folder `state`"):
        await recover(genesis, store, executor, LANES)
    executor.close()
    store.close()


async def test_a_fresh_node_begins_at_the_genesis(tmp_path: Path) -> None:
    genesis = genesis_of(4)
    SqliteBlockStore.create(tmp_path / "blocks", genesis.digest, bytes(16))
    store = SqliteBlockStore.open(tmp_path / "blocks", genesis.digest)
    executor = PyEvmExecutor(tmp_path / "state", genesis)
    head = await recover(genesis, store, executor, LANES)
    assert head.header == genesis.header
    assert head.validators == genesis.validators
    executor.close()
    store.close()
