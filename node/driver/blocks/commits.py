"""Making blocks final: one after the other, whoever brought the certificate.

Order: block, certificate and receipts (fsync), then the executor's state, then pool,
look-ups and the new head, in one go on the loop, so that no reader sees half of it. The
look-ups are found from memory at once and written in the background. A crash in between
loses nothing: the executor catches up with the block log at start.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from node.chain.block import Block
from node.chain.certificate import CommitCertificate
from node.chain.validators import ValidatorSet
from node.consensus.effects import CommitBlock
from node.consensus.events import NewHeight
from node.driver.blocks.bodies import Body, reference_of
from node.driver.context import Context
from node.driver.heads import Head, NewHead, Topic
from node.driver.loop import RefusedForSafety
from node.driver.ports import DiskFull, FinalBlock
from node.execution.executor import BlockInvalid, Executor, UnknownState
from node.primitives.types import Hash32
from node.sync.verification import CertifiedBlock, body_matches

log = logging.getLogger(__name__)


MAX_UNWRITTEN = 64
"""Blocks whose look-ups wait to be written; then commits wait for the disk."""


@dataclass(frozen=True, slots=True)
class Final:
    """What listeners hear of a block that has just become the head."""

    head: Head
    final: FinalBlock
    validators_changed: bool


class BodyForged(Exception):
    """The body of a certified block is not the one its header names."""


class Commits:
    """The only writer of final blocks."""

    def __init__(self, context: Context, heads: Topic[NewHead]) -> None:
        self._context = context
        self._heads = heads
        self._lock = asyncio.Lock()
        self._listeners: list[Callable[[Final], None]] = []
        self._flushing = False
        self.begun = False

    def listen(self, on_final: Callable[[Final], None]) -> None:
        """Call back after every new head, before the engine hears of it."""
        self._listeners.append(on_final)

    def begin(self) -> None:
        """From now on the engine hears of heads, first of the present one."""
        self.begun = True
        self._context.post(self._new_height())

    def on_commit(self, effect: CommitBlock) -> None:
        """-> NewHeight"""
        self._context.tasks.spawn(self._commit_decided(effect.certificate))

    async def _commit_decided(self, certificate: CommitCertificate) -> None:
        body = self._context.bodies.get(certificate.digest)
        if body is None:
            # Let go in a long height, or made final by sync meanwhile; in the first
            # case sync brings it, since a quorum has it.
            log.warning("block %d is committed without a body", certificate.height)
            return
        await self._finalise(body, certificate)

    async def commit_synced(self, certified: CertifiedBlock) -> None:
        """Execute and commit a block that sync verified. Raises BodyForged.

        Returns at once when consensus made that height final meanwhile.
        """
        digest = certified.block.digest
        body = self._context.bodies.get(digest)
        if body is None:
            if certified.block.header.number != self._context.height + 1:
                return
            body = await self._execute(certified)
        await self._finalise(body, certified.certificate)

    async def _execute(self, certified: CertifiedBlock) -> Body:
        executor, lanes = self._context.ports.executor, self._context.ports.lanes
        block = certified.block
        try:
            executed = await lanes.executor(
                lambda: executor.execute(certified.raw_block)
            )
        except BlockInvalid as error:
            if not await lanes.background(lambda: body_matches(block)):
                raise BodyForged(str(error)) from error
            raise RefusedForSafety(
                f"a quorum committed block {block.header.number} "
                f"0x{block.digest.hex()}, which is invalid here: {error}; this node's "
                "executor or state is wrong, or more than f validators lie"
            ) from error
        return Body(
            reference_of(block), certified.raw_block, block.transactions, executed
        )

    async def _finalise(self, body: Body, certificate: CommitCertificate) -> None:
        async with self._lock:
            context, executor = self._context, self._context.ports.executor
            if body.height != context.height + 1:
                return
            digest = body.reference.digest
            final = FinalBlock(
                header=body.reference.header,
                block=body.block,
                certificate=certificate.encode(),
                receipts=body.executed.receipts,
                hashes=body.reference.transaction_hashes,
                validators=self._next_validators(body),
            )
            store = context.ports.store
            await context.write(lambda: store.append(final))
            await context.ports.lanes.executor(
                partial(_commit, executor, digest, body.block)
            )
            context.measures.committed(certificate.round)
            context.measures.left(context.now_ms)
            self._advance(final, body)
            while store.staged_blocks() >= MAX_UNWRITTEN:
                await self._flush()

    def _next_validators(self, body: Body) -> ValidatorSet:
        """The set in the resulting state; a malformed state leaves it unchanged."""
        members = body.executed.validators
        current = self._context.head.validators
        if members is None or members == current.addresses:
            return current
        return ValidatorSet(members)

    def _advance(self, final: FinalBlock, body: Body) -> None:
        """Everything that is not on disk, in one go."""
        context, header = self._context, final.header
        changed = final.validators != context.head.validators
        context.head = Head(header, final.validators)
        context.head_since_ms = context.now_ms
        context.recent_coinbases.append(header.coinbase)
        context.bodies.forget_through(header.number)
        context.tasks.cancel_through(header.number)
        context.ports.store.stage(final)
        context.note_dropped(
            context.pool.on_block(final.hashes, body.executed.touched, context.now_ms)
        )
        for on_final in self._listeners:
            on_final(Final(context.head, final, changed))
        block = Block(header, body.raws)
        self._heads.publish(NewHead(block, final.hashes, final.receipts))
        if self.begun:
            context.post(self._new_height())
        if not self._flushing:
            self._flushing = True
            context.tasks.spawn(self._flush_all())

    async def _flush_all(self) -> None:
        while self._context.ports.store.staged_blocks():
            await self._flush()
        self._flushing = False

    async def _flush(self) -> None:
        """Write look-ups; on a full disk they wait."""
        context, store = self._context, self._context.ports.store
        try:
            await context.ports.lanes.background(store.flush)
        except DiskFull:
            await asyncio.sleep(context.settings.disk_retry_ms / 1000)

    def _new_height(self) -> NewHeight:
        context = self._context
        context.was_pending = context.has_executable
        return NewHeight(
            at_ms=context.now_ms,
            parent=context.head.header,
            validators=context.head.validators,
            recent_coinbases=tuple(context.recent_coinbases),
            pending=context.was_pending,
        )


def _commit(executor: Executor, digest: Hash32, block: bytes) -> None:
    """Commit; a block whose execution the executor let go is executed again."""
    try:
        executor.commit(digest)
    except UnknownState:
        executor.execute(block)
        executor.commit(digest)
