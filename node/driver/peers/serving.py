"""Answering peers: blocks, bodies, transactions, signatures. Reads, never waits.

Ranges of blocks are read in the background, MAX_SERVING at a time for one peer: more
questions than that are ignored, and the peer asks somebody else. One that keeps asking
for large answers gets them no faster than BYTES_PER_S: sending them takes time of the
loop that votes wait for.
"""

import asyncio

from node.driver.context import Context
from node.driver.peers.signatures import Observed
from node.gossip.gossip import Gossip
from node.gossip.messages import GetTransactions
from node.primitives.types import Address, Hash32
from node.sync.messages import (
    MAX_ANSWER_BYTES,
    MAX_BLOCKS_PER_ANSWER,
    BlockByDigest,
    Blocks,
    GetBlockByDigest,
    GetBlocks,
    GetSignatures,
)

MAX_SERVING = 2
BYTES_PER_S = 16_000_000
AHEAD_MS = 500
"""A peer that was quiet gets so much at once."""


class Pace:
    """When each peer may get its next large answer; all times in milliseconds."""

    def __init__(self) -> None:
        self._paid_ms: dict[Address, int] = {}

    def wait_ms(self, peer: Address, size: int, now_ms: int) -> int:
        """How long to hold back an answer of so many bytes; it counts from now on."""
        paid_ms = max(now_ms, self._paid_ms.get(peer, 0))
        self._paid_ms[peer] = paid_ms + size * 1000 // BYTES_PER_S
        return max(0, paid_ms - now_ms - AHEAD_MS)

    def forget(self, peer: Address) -> None:
        """It has nothing to wait for."""
        self._paid_ms.pop(peer, None)


class Serving:
    """What others may ask of this node."""

    def __init__(self, context: Context, gossip: Gossip, observed: Observed) -> None:
        self._context = context
        self._gossip = gossip
        self._observed = observed
        self._reading: dict[Address, int] = {}
        self._pace = Pace()

    def on_disconnected(self, peer: Address) -> None:
        """A peer is gone."""
        self._pace.forget(peer)

    def on_get_transactions(self, peer: Address, request: GetTransactions) -> None:
        """Of the pool and of the blocks at work."""
        wanted = dict.fromkeys(request.hashes)
        others = self._context.bodies.find(wanted)
        self._context.ports.network.send(peer, self._gossip.answer(request, others))

    def on_get_signatures(self, peer: Address, request: GetSignatures) -> None:
        """The newest that were seen of that validator."""
        self._context.ports.network.send(peer, self._observed.answer(request))

    def on_get_blocks(self, peer: Address, request: GetBlocks) -> None:
        """A range of final blocks with their certificates."""
        self._spawn(peer, request)

    def on_get_block_by_digest(self, peer: Address, request: GetBlockByDigest) -> None:
        """One block, prepared or final."""
        self._spawn(peer, request)

    def _spawn(self, peer: Address, request: GetBlocks | GetBlockByDigest) -> None:
        if self._reading.get(peer, 0) < MAX_SERVING:
            self._reading[peer] = self._reading.get(peer, 0) + 1
            self._context.tasks.spawn(self._serve(peer, request))

    async def _serve(
        self, peer: Address, request: GetBlocks | GetBlockByDigest
    ) -> None:
        lane = self._context.ports.lanes.background
        try:
            answer = await lane(lambda: self._read(request))
            wait_ms = self._pace.wait_ms(peer, _size(answer), self._context.now_ms)
            if wait_ms:
                await asyncio.sleep(wait_ms / 1000)
            self._context.ports.network.send(peer, answer)
        finally:
            self._reading[peer] -= 1
            if not self._reading[peer]:
                del self._reading[peer]

    def _read(self, request: GetBlocks | GetBlockByDigest) -> Blocks | BlockByDigest:
        store = self._context.ports.store
        if isinstance(request, GetBlockByDigest):
            return BlockByDigest(request.request_id, self._block(request.digest))
        count = min(request.count, MAX_BLOCKS_PER_ANSWER)
        found = store.blocks(request.first, count, MAX_ANSWER_BYTES)
        pairs = tuple((stored.block, stored.certificate) for stored in found)
        return Blocks(request.request_id, pairs)

    def _block(self, digest: Hash32) -> bytes:
        body = self._context.bodies.get(digest)
        if body is not None:
            return body.block
        store = self._context.ports.store
        prepared = store.body(digest)
        if prepared is not None:
            return prepared
        height = store.height_of(digest)
        stored = store.at(height) if height is not None else None
        return stored.block if stored is not None else b""


def _size(answer: Blocks | BlockByDigest) -> int:
    if isinstance(answer, BlockByDigest):
        return len(answer.block)
    return sum(len(block) + len(certificate) for block, certificate in answer.blocks)
