"""Submitting gets an answer for each transaction, whatever the transaction is."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.driver.peers import admission
from node.driver.peers.admission import Submitted
from node.execution.executor import ErrorKind, TxError, TxInfo
from node.execution.pyevm import PyEvmExecutor
from node.gossip.messages import TransactionBatch
from node.primitives.keccak import keccak256
from node.primitives.types import Address
from node.txpool.entries import Refusal
from node.txpool.limits import PoolLimits
from tests.node.driver.cluster import DEADLINE_S, Cluster, transfer


async def test_every_transaction_gets_its_own_answer_in_order(tmp_path: Path) -> None:
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]
        await node.include([transfer(0, 0)])
        raws = [transfer(0, 1), b"\xc1\x80", transfer(0, 0), transfer(0, 1), b""]
        answers = await node.driver.submit(raws)
        assert [answer.refusal for answer in answers] == [
            None,
            ErrorKind.MALFORMED,
            Refusal.NONCE_TOO_LOW,
            Refusal.ALREADY_KNOWN,
            ErrorKind.MALFORMED,
        ]
        assert [answer.hash for answer in answers] == [keccak256(raw) for raw in raws]
        assert answers[2].message.startswith("nonce too low")


async def test_what_arrives_meanwhile_is_recovered_in_one_call(tmp_path: Path) -> None:
    calls: list[int] = []

    class Counting(PyEvmExecutor):
        def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
            calls.append(len(raws))
            return super().recover(raws)

    cluster = Cluster(tmp_path, 1)
    cluster.nodes[0].executor_of = Counting
    async with cluster:
        node = cluster.nodes[0]
        each = [[transfer(0, n)] for n in range(30)]
        answers = await asyncio.gather(*(node.driver.submit(raws) for raws in each))
        assert all(answer.ok for [answer] in answers)
        assert sum(calls) == 30
        assert len(calls) < 5


async def test_a_transaction_that_breaks_the_decoder_is_refused_alone(
    tmp_path: Path,
) -> None:
    class Breaking(PyEvmExecutor):
        def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
            if b"poison" in raws:
                raise RuntimeError("a bug")
            return super().recover(raws)

    cluster = Cluster(tmp_path, 1)
    cluster.nodes[0].executor_of = Breaking
    async with cluster:
        node = cluster.nodes[0]
        raws = [transfer(0, 0), b"poison", transfer(0, 1)]
        good, bad, better = await node.driver.submit(raws)
        assert (good.ok, bad.ok, better.ok) == (True, False, True)
        assert bad.message == "decoding failed: RuntimeError('a bug')"


async def test_a_peer_that_sends_what_no_pool_takes_is_reported(
    tmp_path: Path,
) -> None:
    peer = Address(b"\x77" * 20)
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]
        few = [bytes([n]) for n in range(admission.MAX_JUNK)]
        many = [b"\xff" + bytes([n]) for n in range(admission.MAX_JUNK + 1)]
        for junk in (few, many):
            node.driver.inbox.on_message(peer, TransactionBatch(tuple(junk)))
            await node.driver.submit([b""])  # batches are taken in their order
        assert node.mesh.reports == [(peer, "many of its transactions are none")]


async def test_beyond_the_limit_clients_are_told_that_the_node_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MAX_WAITING", 3)
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]
        batches = [[transfer(0, 0), transfer(0, 1)], [transfer(1, 0), transfer(1, 1)]]
        first, second = await asyncio.gather(*(map(node.driver.submit, batches)))
        assert [answer.refusal for answer in first] == [None, None]
        assert [answer.refusal for answer in second] == [Refusal.POOL_FULL] * 2
        assert "try again" in second[0].message


async def test_while_the_pool_is_full_few_are_looked_at_before_the_next_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "LOOKED_AT_WHEN_FULL", 2)
    calls: list[int] = []

    class Counting(PyEvmExecutor):
        def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
            calls.append(len(raws))
            return super().recover(raws)

    cluster = Cluster(tmp_path, 1)
    cluster.nodes[0].executor_of = Counting
    async with cluster:
        driver = cluster.nodes[0].driver
        # It waits for a missing nonce, and a pool that has room for one stays full.
        [first] = await driver.submit([transfer(0, 5)])
        assert first.ok
        object.__setattr__(driver.pool, "limits", PoolLimits(transactions=1))
        # Nothing of this gives the loop a turn, so no block comes between.
        is_overrun = driver._admission._is_overrun
        assert [is_overrun(1) for _ in range(3)] == [False, False, True]
        answers = await driver.submit([transfer(0, 6), transfer(1, 0)])
        assert [answer.refusal for answer in answers] == [Refusal.POOL_FULL] * 2
        assert answers[0].message == "txpool is full: 1 transactions wait; try again"
        assert calls == [1]
        driver._admission._looked_at = (driver.head.header.number - 1, 99)
        assert not is_overrun(1)


async def test_who_waits_when_the_node_stops_is_told(tmp_path: Path) -> None:
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]
        release = asyncio.Event()

        async def stuck(_: object) -> None:
            await release.wait()

        lanes = node.driver._context.ports.lanes
        object.__setattr__(lanes, "admission", stuck)
        waiting = asyncio.ensure_future(node.driver.submit([transfer(0, 0)]))
        await asyncio.sleep(0)
        node.driver.stop()
        release.set()
        async with asyncio.timeout(DEADLINE_S):
            await node.running
            [answer] = await waiting
        assert answer == Submitted(
            keccak256(transfer(0, 0)), Refusal.POOL_FULL, "the node is stopping"
        )
