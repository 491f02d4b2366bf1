"""Whole drivers: blocks are made, agreed upon, kept, and caught up with."""

from pathlib import Path

from tests.node.driver.cluster import PAYEE, Cluster, transfer


async def test_a_single_validator_makes_blocks_of_what_is_submitted(
    tmp_path: Path,
) -> None:
    async with Cluster(tmp_path, 1) as cluster:
        node = cluster.nodes[0]
        heads = await node.include([transfer(0, n) for n in range(20)])
        last = heads[-1]
        for head in heads:
            assert len(head.receipts) == len(head.hashes)
        height, position = last.header.number, len(last.hashes) - 1
        assert node.store.location(last.hashes[-1]) == (height, position)
        view = node.executor.view(last.header.digest)
        assert view.balance(PAYEE) == 20


async def test_four_validators_agree_on_what_any_of_them_was_given(
    tmp_path: Path,
) -> None:
    async with Cluster(tmp_path, 4) as cluster:
        for customer, node in enumerate(cluster.nodes):
            await node.include([transfer(customer, n) for n in range(5)])
        height = cluster.nodes[3].driver.head.header.number
        for node in cluster.nodes:
            await node.reach(height)
        assert cluster.agree() >= height
        for node in cluster.nodes:
            view = node.executor.view(node.driver.head.header.digest)
            assert view.balance(PAYEE) == 20
