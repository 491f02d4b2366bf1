"""Bodies come from whoever has them, and only true ones are believed."""

import asyncio
from pathlib import Path

from node.chain.block import Block
from node.consensus.messages import BlockReference, ProposalMessage
from node.driver.ports import WireMessage
from node.gossip.messages import TransactionBatch, Transactions
from node.primitives.keccak import keccak256
from node.primitives.types import Address
from node.sync.messages import BlockByDigest, GetBlocks
from tests.node.driver.cluster import DEADLINE_S, Cluster, Mesh, transfer


def without_gossip(_: Address, __: Address, message: WireMessage) -> bool:
    """Transactions travel only when asked for."""
    return isinstance(message, TransactionBatch | GetBlocks)


async def test_a_silent_proposer_costs_one_timeout(tmp_path: Path) -> None:
    """Who proposed answers nothing; the whole block comes from one who has it."""
    async with Cluster(tmp_path, 4) as cluster:
        one = cluster.nodes[0]
        refused = 0

        def drop(sender: Address, to: Address, message: WireMessage) -> bool:
            nonlocal refused
            # Only the second node is ever given the transactions it asks for.
            lost = isinstance(message, Transactions | BlockByDigest)
            lost = lost and sender == one.address and to != cluster.nodes[1].address
            refused += lost
            return lost or without_gossip(sender, to, message)

        cluster.hub.drop = drop
        await one.include([transfer(0, n) for n in range(10)])
        for node in cluster.nodes:
            await node.reach(one.driver.head.header.number)
            assert node.store.location(keccak256(transfer(0, 9))) is not None
        cluster.agree()
        assert refused > 0


class Altering(Mesh):
    """Sends proposals whose lists of transactions are not their headers'."""

    altered = 0

    def send(self, peer: Address, message: WireMessage) -> None:
        if isinstance(message, ProposalMessage) and message.block.transaction_hashes:
            self.altered += 1
            hashes = tuple(reversed(message.block.transaction_hashes))
            block = BlockReference(message.block.header, hashes)
            message = ProposalMessage(
                message.signed, block, message.round_changes, message.prepares
            )
        super().send(peer, message)


async def test_a_list_that_is_not_the_headers_does_not_condemn_the_block(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path, 4)
    one = cluster.nodes[0]
    one.mesh_of = Altering
    async with cluster:
        await one.include([transfer(0, n) for n in range(3)])
        mesh = one.mesh
        assert isinstance(mesh, Altering)
        for nonce in range(3, 40, 2):
            await one.include([transfer(0, nonce), transfer(0, nonce + 1)])
            if mesh.altered:
                break
        assert mesh.altered
        cluster.agree()
        altered_by_one = [
            header
            for height in range(1, one.driver.head.header.number + 1)
            if (header := one.store.header_at(height)) is not None
            and header.coinbase == one.address
            and header.gas_used
        ]
        assert altered_by_one


class Lying(Mesh):
    """Answers with transactions and blocks of its own making."""

    lies = 0

    def send(self, peer: Address, message: WireMessage) -> None:
        if isinstance(message, Transactions) and message.transactions:
            self.lies += 1
            message = Transactions(message.request_id, (transfer(3, 99),))
        elif isinstance(message, BlockByDigest) and message.block:
            self.lies += 1
            true = Block.decode(message.block)
            forged = Block(true.header, (transfer(3, 99),)).encode()
            message = BlockByDigest(message.request_id, forged)
        super().send(peer, message)


async def test_answers_that_are_not_what_was_asked_for_are_not_believed(
    tmp_path: Path,
) -> None:
    """A liar that proposes wastes its own turns and nothing else."""
    cluster = Cluster(tmp_path, 4)
    liar = cluster.nodes[3]
    liar.mesh_of = Lying
    async with cluster:
        cluster.hub.drop = without_gossip
        one = cluster.nodes[0]
        await one.include([transfer(0, n) for n in range(5)])
        await liar.driver.submit([transfer(1, 0)])
        height = one.driver.head.header.number
        for node in cluster.nodes[:3]:
            await node.reach(height + 4)
            assert node.store.location(keccak256(transfer(3, 99))) is None
        cluster.agree()
        mesh = liar.mesh
        assert isinstance(mesh, Lying)
        assert mesh.lies
        reported = [r for n in cluster.nodes[:3] for r in n.mesh.reports]
        assert {peer for peer, _ in reported} == {liar.address}


async def test_a_forged_body_under_a_true_header_is_passed_over(
    tmp_path: Path,
) -> None:
    """Everybody but the last peer asked forges; only the true body is taken."""
    cluster = Cluster(tmp_path, 4)
    for liar in cluster.nodes[1:3]:
        liar.mesh_of = Lying
    async with cluster:
        one, *liars, honest = cluster.nodes
        await honest.include([transfer(0, 0)])
        height, _ = honest.store.location(keccak256(transfer(0, 0))) or (0, 0)
        stored = honest.store.at(height)
        assert stored is not None
        fetching = one.driver.inbox.fetching
        async with asyncio.timeout(DEADLINE_S):
            block = await fetching.whole(height, stored.digest, first=liars[0].address)
        assert block.transactions == (transfer(0, 0),)
        assert liars[0].address in {peer for peer, _ in one.mesh.reports}
