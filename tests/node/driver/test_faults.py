"""Crashes, lost messages and lost logs: nothing final is lost, nothing signed twice."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from node.chain.header import Header
from node.consensus.messages import CommitMessage
from node.driver.loop import RefusedForSafety
from node.driver.ports import DiskFull, StorageFailed, WireMessage
from node.execution.executor import (
    BlockEnv,
    BuildLimits,
    BuiltBlock,
    Executed,
)
from node.execution.pyevm import PyEvmExecutor
from node.gossip.messages import TransactionBatch
from node.primitives.keccak import keccak256
from node.primitives.types import Address
from tests.node.driver.cluster import (
    CONSENSUS_MESSAGES,
    DEADLINE_S,
    Cluster,
    TestNode,
    key_of,
    transfer,
)

Drop = Callable[[Address, Address, WireMessage], bool]


class Witness:
    """Sees every consensus message; remembers what each validator signed."""

    def __init__(self, cluster: Cluster, drop: Drop | None = None) -> None:
        self.signed: dict[object, object] = {}
        self.contradictions: list[object] = []
        self.drop = drop
        cluster.hub.drop = self

    def __call__(self, sender: Address, to: Address, message: WireMessage) -> bool:
        if isinstance(message, CONSENSUS_MESSAGES):
            payload, author = message.signed.payload, message.signed.author
            key = (author, payload.height, payload.round, payload.code)
            if self.signed.setdefault(key, payload) != payload:
                self.contradictions.append(key)
        return self.drop is not None and self.drop(sender, to, message)


async def until(condition: Callable[[], bool], nodes: list[TestNode]) -> None:
    """Wait for a condition that changes with a new head or a message."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            failed = [n.running for n in nodes if n.running.done()]
            assert not failed, failed
            await asyncio.sleep(0.01)


async def test_three_of_four_go_on_and_the_fourth_catches_up(tmp_path: Path) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        one, *_, last = cluster.nodes
        await one.include([transfer(0, 0)])
        await last.kill()
        for nonce in range(1, 6):
            await one.include([transfer(0, nonce)])
        height = one.driver.head.header.number
        await last.start()
        await last.reach(height)
        assert cluster.agree() >= height
        assert last.store.location(keccak256(transfer(0, 5))) is not None


async def test_an_empty_directory_is_filled_from_the_genesis_on(tmp_path: Path) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        one = cluster.nodes[0]
        for nonce in range(4):
            await one.include([transfer(0, nonce)])
        observer = TestNode(
            tmp_path / "observer", cluster.genesis, key_of(40), cluster.hub
        )
        await observer.start()
        height = one.driver.head.header.number
        await observer.reach(height)
        assert observer.store.at(height) is not None
        assert observer.driver.status().engine is not None
        await observer.kill()


async def test_two_of_four_stop_and_go_on_when_a_third_returns(tmp_path: Path) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        witness = Witness(cluster)
        one, two, three, four = cluster.nodes
        await one.include([transfer(0, 0)])
        await three.kill()
        await four.kill()
        height = one.driver.head.header.number
        await one.driver.submit([transfer(0, 1)])
        engine = one.driver.status
        await until(lambda: (s := engine().engine) is not None and s.round > 1, [one])
        status = engine().engine
        assert status is not None
        assert three.address not in status.present
        assert one.driver.head.header.number <= height + 1
        await three.start()
        await one.reach(height + 3)
        await two.reach(height + 3)
        assert one.store.location(keccak256(transfer(0, 1))) is not None
        assert witness.contradictions == []


async def test_all_killed_at_once_again_and_again(tmp_path: Path) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        witness = Witness(cluster)
        for nonce in range(6):
            one = cluster.nodes[nonce % 4]
            raw = transfer(0, nonce)
            await one.include([raw])
            await one.driver.submit([transfer(1, nonce)])  # in the middle of a height
            await asyncio.gather(*(node.kill() for node in cluster.nodes))
            for node in cluster.nodes:
                await node.start()
            found = [node.store.location(keccak256(raw)) for node in cluster.nodes]
            assert any(found)
        height = max(node.driver.head.header.number for node in cluster.nodes)
        for node in cluster.nodes:
            await node.reach(height + 1)
        cluster.agree()
        assert witness.contradictions == []


async def test_a_proposal_is_fetched_when_gossip_brought_nothing(
    tmp_path: Path,
) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        Witness(cluster, lambda _, __, m: isinstance(m, TransactionBatch))
        await cluster.nodes[1].include([transfer(0, n) for n in range(50)])
        cluster.agree()


async def test_a_prepared_block_outlives_the_crash_of_all(tmp_path: Path) -> None:
    """All prepared it, none saw a COMMIT, and the pools are gone with the crash."""
    async with Cluster(tmp_path, 4) as cluster:
        witness = Witness(cluster, lambda _, __, m: isinstance(m, CommitMessage))
        raw = transfer(0, 0)
        await cluster.nodes[0].driver.submit([raw])

        def prepared() -> bool:
            states = [node.safety.load().prepared for node in cluster.nodes]
            digests = {state.digest for state in states if state is not None}
            bodies = [
                node.store.body(digest) for node in cluster.nodes for digest in digests
            ]
            held = [body for body in bodies if body is not None and raw in body]
            return len(held) == 4

        await until(prepared, cluster.nodes)
        await asyncio.gather(*(node.kill() for node in cluster.nodes))
        witness.drop = None
        for node in cluster.nodes:
            await node.start()
            assert raw not in [entry for _, entry in node.pool.oldest(10)]
        for node in cluster.nodes:
            await node.reach(1)
            assert node.store.location(keccak256(raw)) is not None
        cluster.agree()
        assert witness.contradictions == []


async def test_a_single_validator_finishes_what_it_had_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else has the body, and the pool is gone."""
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]

        def full(_: object) -> None:
            raise DiskFull("no room")

        monkeypatch.setattr(node.store, "append", full)
        await node.driver.submit([transfer(0, 0)])
        await until(lambda: node.driver.status().disk_full, [node])
        prepared = node.safety.load().prepared
        assert prepared is not None
        assert node.store.head() is None
        await node.kill()
        await node.start()
        await node.reach(1)
        stored = node.store.at(1)
        assert stored is not None
        assert stored.digest == prepared.digest


async def test_a_full_disk_stops_signing_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]
        await node.include([transfer(0, 0)])
        signed = len([e for e in node.events if e["type"] == "SignAndBroadcast"])
        real = node.safety.append

        def full(_: object) -> None:
            raise DiskFull("no room")

        monkeypatch.setattr(node.safety, "append", full)
        await node.driver.submit([transfer(0, 1)])
        await until(lambda: node.driver.status().disk_full, [node])
        height = node.driver.head.header.number
        assert node.store.at(1) is not None
        assert node.safety.load().height <= height
        monkeypatch.setattr(node.safety, "append", real)
        await node.reach(height + 2)
        assert not node.driver.status().disk_full
        assert node.store.location(keccak256(transfer(0, 1))) is not None
        assert signed > 0


async def test_a_full_disk_under_the_block_store_loses_no_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]
        real = node.store.append

        def full(_: object) -> None:
            raise DiskFull("no room")

        monkeypatch.setattr(node.store, "append", full)
        await node.driver.submit([transfer(0, 0)])
        await until(lambda: node.driver.status().disk_full, [node])
        height = node.driver.head.header.number
        monkeypatch.setattr(node.store, "append", real)
        await node.reach(height + 2)
        assert node.store.location(keccak256(transfer(0, 0))) is not None


@pytest.mark.parametrize("part", ["safety", "store"])
async def test_a_failed_write_ends_the_node_with_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]

        def fail(_: object) -> None:
            raise StorageFailed("fsync failed")

        monkeypatch.setattr(getattr(node, part), "append", fail)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(StorageFailed, match="fsync failed") as caught:
                await asyncio.shield(node.running)
        assert caught.value.exit_code == 4


async def test_without_its_safety_log_a_node_follows_and_does_not_sign(
    tmp_path: Path,
) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        witness = Witness(cluster)
        one, *_, last = cluster.nodes
        await one.include([transfer(0, 0)])
        await last.kill()
        (last.path / "safety.log").unlink()
        witness.signed.clear()
        await last.start()
        await one.include([transfer(0, 1)])
        await last.reach(one.driver.head.header.number)
        assert not last.driver.status().can_sign
        assert last.address not in {key[0] for key in witness.signed}  # type: ignore[index]
        assert not (last.path / "safety.log").exists()


async def test_more_than_f_without_their_safety_logs_end_with_exit_code_3(
    tmp_path: Path,
) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        one, two, three, four = cluster.nodes
        for node in (three, four):
            await node.kill()
            (node.path / "safety.log").unlink()
            await node.start()
        for node in (three, four):
            with pytest.raises(RefusedForSafety, match="2 of 4 validators"):
                await asyncio.wait_for(node.running, DEADLINE_S)
        assert RefusedForSafety.exit_code == 3
        assert not one.running.done()
        assert not two.running.done()


async def test_a_restored_safety_log_is_noticed_and_not_contradicted(
    tmp_path: Path,
) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        witness = Witness(cluster)
        one, *_, last = cluster.nodes
        fresh = last.path / "safety.log"
        await last.kill()
        copy = fresh.read_bytes()
        blocks = {f: f.read_bytes() for f in (last.path / "blocks").iterdir()}
        await last.start()
        await one.include([transfer(0, 0)])
        await last.reach(one.driver.head.header.number)
        signed_at = last.safety.load().height
        assert signed_at > 0
        await last.kill()
        # Everything of the node goes back to before it had signed anything.
        fresh.write_bytes(copy)
        for file in (last.path / "blocks").iterdir():
            file.unlink()
        for file, content in blocks.items():
            file.write_bytes(content)
        for file in (last.path / "state").iterdir():
            file.unlink()
        await last.start()
        await until(lambda: last.safety.load().sign_above > signed_at, [last])
        await last.reach(last.safety.load().sign_above + 2)
        assert witness.contradictions == []


class WrongRoot(PyEvmExecutor):
    """Builds blocks whose state root is not that of their execution."""

    def build(self, *arguments: object) -> BuiltBlock:
        parent, env, raws, limits = arguments
        assert isinstance(parent, Header)
        assert isinstance(env, BlockEnv)
        assert isinstance(limits, BuildLimits)
        built = super().build(parent, env, raws, limits)  # type: ignore[arg-type]
        self.discard(built.executed.digest)
        root = built.executed.state_root
        forged = built.block.replace(root, keccak256(root))
        return BuiltBlock(forged, built.executed, built.included, built.refused)


async def test_a_proposer_of_invalid_blocks_costs_rounds_and_nothing_else(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path, 4)
    cluster.nodes[2].executor_of = WrongRoot
    async with cluster:
        one, two, bad, four = cluster.nodes
        await one.include([transfer(0, 0)])
        for node in (one, two, four):
            await node.reach(6)
        cluster.agree()
        makers = {
            header.coinbase
            for height in range(1, 7)
            if (header := one.store.header_at(height)) is not None
        }
        assert bad.address not in makers


class Diverging(PyEvmExecutor):
    """Breaks on one block that all others execute."""

    poison = transfer(0, 3)

    def execute(self, block: bytes, time_ms: int | None = None) -> Executed:
        if self.poison in block:
            raise RuntimeError("a bug")
        return super().execute(block, time_ms)


async def test_a_node_whose_executor_contradicts_a_quorum_halts(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path, 4)
    bad = cluster.nodes[2]
    bad.executor_of = Diverging
    async with cluster:
        one = cluster.nodes[0]
        await one.include([transfer(0, n) for n in range(5)])
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(RefusedForSafety, match="invalid here"):
                await asyncio.shield(bad.running)
        await bad.kill()
        await one.include([transfer(0, 5)])
        cluster.nodes.remove(bad)
        cluster.agree()


class Breaking(PyEvmExecutor):
    """Breaks on one transaction, as a machine with a bug would."""

    poison = transfer(0, 3)

    def build(self, *arguments: object) -> BuiltBlock:
        if self.poison in arguments[2]:  # type: ignore[operator]
            raise RuntimeError("a bug")
        return super().build(*arguments)  # type: ignore[arg-type]


async def test_a_transaction_that_breaks_the_builder_is_quarantined(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path, 1)
    cluster.nodes[0].executor_of = Breaking
    async with cluster:
        node = cluster.nodes[0]
        dropped = node.driver.subscribe_dropped()
        raws = [transfer(0, n) for n in range(6)]
        await node.driver.submit(raws)
        async with asyncio.timeout(DEADLINE_S):
            gone = await anext(dropped)
        assert gone.hash == keccak256(Breaking.poison)
        assert "a bug" in gone.detail
        await node.include([transfer(1, 0)])
        assert node.store.location(keccak256(raws[2])) is not None
        assert node.store.location(keccak256(Breaking.poison)) is None
