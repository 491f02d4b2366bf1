"""A proposal that takes an executor too long costs it a vote and nothing more."""

from pathlib import Path

from node.consensus.messages import Prepare, Proposal
from node.execution.executor import Executed, ExecutionTimeout
from node.execution.pyevm import PyEvmExecutor
from tests.node.driver.cluster import FAST, Cluster, transfer
from tests.node.driver.test_faults import Witness


class Slow(PyEvmExecutor):
    """Needs longer for others' blocks than a proposal may take."""

    given_ms: tuple[int, ...] = ()

    def execute(self, block: bytes, time_ms: int | None = None) -> Executed:
        if time_ms is not None:
            self.given_ms += (time_ms,)
            raise ExecutionTimeout("too slow")
        return super().execute(block)


async def test_it_prepares_nothing_and_follows_what_a_quorum_commits(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path, 4)
    slow = cluster.nodes[2]
    slow.executor_of = Slow
    async with cluster:
        witness = Witness(cluster)
        for nonce in range(6):
            await cluster.nodes[0].include([transfer(0, nonce)])
        cluster.agree()
        assert isinstance(slow.executor, Slow)
        half_of_a_round_ms = FAST.round_timeout_ms * FAST.round_timeout_cap_factor // 2
        assert set(slow.executor.given_ms) == {half_of_a_round_ms}
        assert slow.mesh.reports == []
        prepared = [
            payload
            for payload in witness.signed.values()
            if isinstance(payload, Prepare)
            and (slow.address, payload.height, payload.round, payload.code)
            in witness.signed
        ]
        for payload in prepared:  # its own blocks, which it built
            key = (slow.address, payload.height, payload.round, Proposal.code)
            assert key in witness.signed
