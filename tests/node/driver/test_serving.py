"""What peers ask for is found; large answers to one keep a pace, and delay no other."""

import asyncio
from pathlib import Path

from node.chain.signing import SigningDomain
from node.driver.peers.serving import AHEAD_MS, BYTES_PER_S, Pace
from node.driver.ports import WireMessage
from node.primitives.types import Address, Hash32
from node.sync.messages import BlockByDigest, GetBlockByDigest
from tests.node.driver.cluster import (
    CHAIN_ID,
    DEADLINE_S,
    Hub,
    Mesh,
    TestNode,
    genesis_of,
    key_of,
)
from tests.node.storage.samples import finals

ONE, OTHER = Address(b"\x01" * 20), Address(b"\x02" * 20)
SECOND = BYTES_PER_S
"""Bytes."""


def test_a_quiet_peer_is_answered_at_once() -> None:
    pace = Pace()
    assert pace.wait_ms(ONE, 4 * SECOND, now_ms=10_000) == 0


def test_one_that_keeps_asking_waits_for_what_it_got() -> None:
    pace = Pace()
    waits = [pace.wait_ms(ONE, SECOND // 4, 10_000) for _ in range(5)]
    assert waits == [0, 0, 0, 250, 500]
    assert pace.wait_ms(ONE, 0, 10_000) == 1_250 - AHEAD_MS
    assert pace.wait_ms(ONE, 0, 11_250) == 0


def test_nobody_waits_for_another() -> None:
    pace = Pace()
    pace.wait_ms(ONE, 10 * SECOND, 0)
    assert pace.wait_ms(OTHER, SECOND, 0) == 0
    assert pace.wait_ms(ONE, SECOND, 0) > 0
    pace.forget(ONE)
    assert pace.wait_ms(ONE, SECOND, 0) == 0


def test_small_answers_are_never_held_back() -> None:
    pace = Pace()
    assert {pace.wait_ms(ONE, 100_000, at) for at in range(0, 10_000, 10)} == {0}


class Peer:
    """One that asks for a block and waits for it."""

    def __init__(self, hub: Hub) -> None:
        self.mesh = Mesh(key_of(1).address, hub)
        self.mesh.inbox = self
        self.answers: asyncio.Queue[BlockByDigest] = asyncio.Queue()
        hub.join(self.mesh)

    async def ask(self, node: Address, digest: Hash32) -> bytes:
        self.mesh.send(node, GetBlockByDigest(1, 1, digest))
        async with asyncio.timeout(DEADLINE_S):
            return (await self.answers.get()).block

    # Inbox
    def on_message(self, _: Address, message: WireMessage) -> None:
        if isinstance(message, BlockByDigest):
            self.answers.put_nowait(message)

    def on_connected(self, peer: Address) -> None: ...

    def on_disconnected(self, peer: Address) -> None: ...


async def test_a_prepared_block_is_served_after_a_restart(tmp_path: Path) -> None:
    """It is not final, and in no memory any more: only the store has it."""
    genesis = genesis_of(4)
    hub = Hub(SigningDomain(CHAIN_ID, genesis.digest))
    node = TestNode(tmp_path / "node1", genesis, key_of(0), hub)
    prepared, unknown = finals(2)
    await node.start()
    node.store.put_body(1, prepared.header.digest, prepared.block)
    await node.kill()
    await node.start()
    peer = Peer(hub)
    assert await peer.ask(node.address, prepared.header.digest) == prepared.block
    assert await peer.ask(node.address, unknown.header.digest) == b""
    await node.kill()
