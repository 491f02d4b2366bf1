"""Getting bodies of blocks that others proposed or prepared.

A proposal names its transactions; what the pool lacks is asked of the proposer, then of
others (`node.gossip.fetcher`), while the whole block is asked for by its digest after a
first wait: one that was prepared before a crash exists nowhere else. A body fetched
whole is believed only when it has the root its header holds. What nobody has is asked
for until the caller gives up: the round's timer ends that, or a new height.
"""

import asyncio
from collections.abc import Sequence

from node.chain.block import Block
from node.consensus.messages import BlockReference
from node.driver.background import Alarm
from node.driver.blocks.bodies import reference_of
from node.driver.context import Context
from node.driver.peers.requests import Requests
from node.gossip.fetcher import Fetcher
from node.gossip.gossip import Outgoing
from node.gossip.messages import Transactions
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32
from node.sync.messages import GetBlockByDigest
from node.sync.verification import body_matches

ROUNDS_BEFORE_WHOLE = 2
"""Request timeouts to wait for single transactions before the block is asked for."""

MAX_STASHED = 4
"""Whole blocks that were fetched and may not have been executed yet."""


class _Wanted:
    """The transactions one block lacks, as they come."""

    def __init__(self, missing: Sequence[Hash32]) -> None:
        self.held: dict[Hash32, bytes] = {}
        self.missing = dict.fromkeys(missing)
        self.complete = asyncio.Event()


class Fetching:
    """Bodies by reference or by digest."""

    def __init__(self, context: Context, requests: Requests) -> None:
        self._context = context
        self._requests = requests
        self._fetcher = Fetcher()
        self._wanted: dict[Hash32, _Wanted] = {}
        self._stashed: dict[Hash32, Block] = {}
        self._alarm = Alarm(context.ports.clock, self._on_due)

    async def body(
        self, reference: BlockReference, proposer: Address
    ) -> tuple[BlockReference, tuple[bytes, ...]]:
        """The true reference and the raw transactions; waits until they are here."""
        stashed = self._stashed.get(reference.digest)
        if stashed is not None:
            return reference_of(stashed), stashed.transactions
        hashes = reference.transaction_hashes
        found = dict(zip(hashes, self._context.pool.get_many(hashes), strict=True))
        missing = {h: None for h, raw in found.items() if raw is None}
        if missing:
            found |= self._context.bodies.find(missing)
            missing = {h: None for h, raw in found.items() if raw is None}
        if missing:
            fetched = await self._fetch(reference, list(missing), proposer)
            if isinstance(fetched, Block):
                return reference_of(fetched), fetched.transactions
            found |= fetched
        raws = tuple(raw for raw in (found[h] for h in hashes) if raw is not None)
        return reference, raws

    async def whole(
        self, height: int, digest: Hash32, first: Address | None = None
    ) -> Block:
        """The block of this digest with its true body, from whoever has it."""
        while True:
            for peer in self._others(first):
                answer = await self._requests.ask(
                    peer, lambda number: GetBlockByDigest(number, height, digest)
                )
                if answer is None or not answer.block:
                    continue
                block = await self._checked(answer.block, digest)
                if block is not None:
                    self._stash(block)
                    return block
                reason = "its block is not the one that was asked for"
                self._context.ports.network.report(peer, reason)
            await asyncio.sleep(self._context.settings.request_timeout_ms / 1000)

    def on_transactions(self, peer: Address, answer: Transactions) -> None:
        """What a peer answered to GetTransactions."""
        if not self._fetcher.is_expected(peer, answer.request_id):
            return
        held = {keccak256(raw): raw for raw in answer.transactions}
        self._hold(held)
        now_ms = self._context.now_ms
        done, outgoing = self._fetcher.on_answer(
            peer, answer.request_id, list(held), now_ms, self._peers()
        )
        self._send(outgoing)
        self._finish(done)

    def on_admitted(self, transactions: dict[Hash32, bytes]) -> None:
        """The pool has new ones: a block may have waited for them."""
        if self._wanted:
            self._hold(transactions)
            self._finish(self._fetcher.on_held(transactions))

    def close(self) -> None:
        """Ask no more."""
        self._alarm.set(None)

    async def _fetch(
        self, reference: BlockReference, missing: list[Hash32], proposer: Address
    ) -> dict[Hash32, bytes] | Block:
        """The missing transactions, or the whole block if that is here sooner."""
        digest = reference.digest
        wanted = self._wanted[digest] = _Wanted(missing)
        now_ms = self._context.now_ms
        self._send(self._fetcher.want(digest, missing, proposer, now_ms))
        singly = asyncio.ensure_future(wanted.complete.wait())
        whole = asyncio.ensure_future(self._later_whole(reference, proposer))
        try:
            await asyncio.wait((singly, whole), return_when=asyncio.FIRST_COMPLETED)
            return wanted.held if singly.done() else whole.result()
        finally:
            singly.cancel()
            whole.cancel()
            self._wanted.pop(digest, None)
            self._fetcher.forget(digest)
            self._alarm.set(self._fetcher.deadline_ms())

    async def _later_whole(self, reference: BlockReference, proposer: Address) -> Block:
        wait_ms = ROUNDS_BEFORE_WHOLE * self._context.settings.request_timeout_ms
        await asyncio.sleep(wait_ms / 1000)
        return await self.whole(reference.header.number, reference.digest, proposer)

    async def _checked(self, raw: bytes, digest: Hash32) -> Block | None:
        try:
            block = Block.decode(raw)
        except rlp.RlpError:
            return None
        if block.digest != digest:
            return None
        lane = self._context.ports.lanes.background
        return block if await lane(lambda: body_matches(block)) else None

    def _stash(self, block: Block) -> None:
        """Keep it for the check that follows."""
        if len(self._stashed) >= MAX_STASHED:
            del self._stashed[next(iter(self._stashed))]
        self._stashed[block.digest] = block

    def _hold(self, transactions: dict[Hash32, bytes]) -> None:
        for wanted in self._wanted.values():
            for transaction_hash, raw in transactions.items():
                if transaction_hash in wanted.missing:
                    wanted.held[transaction_hash] = raw

    def _finish(self, blocks: Sequence[Hash32]) -> None:
        for digest in blocks:
            if digest in self._wanted:
                self._wanted[digest].complete.set()

    def _on_due(self) -> None:
        self._send(self._fetcher.tick(self._context.now_ms, self._peers()))

    def _send(self, outgoing: Sequence[Outgoing]) -> None:
        network = self._context.ports.network
        for item in outgoing:
            if item.peer is not None:
                network.send(item.peer, item.message)
        self._alarm.set(self._fetcher.deadline_ms())

    def _peers(self) -> list[Address]:
        return [peer.address for peer in self._context.ports.network.peers()]

    def _others(self, first: Address | None) -> list[Address]:
        """All peers, the first named first."""
        peers = self._peers()
        return [p for p in peers if p == first] + [p for p in peers if p != first]
