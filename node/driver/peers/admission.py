"""Admitting transactions to the pool, in bulk: what waits is recovered in one call.

While one batch is decoded and its senders recovered away from the loop, what arrives
meanwhile becomes the next batch. Clients get an answer for each transaction; those of
peers are admitted or forgotten. What waits is bounded: beyond MAX_WAITING clients are
told that the node is busy and batches of peers are dropped (repair brings them again).
And while the pool is full, only LOOKED_AT_WHEN_FULL more of clients' are looked at
before the next block: who pays better still gets in, but recovering the senders of
thousands for whom there is no room does not take the time that blocks need.
No honest peer passes on what no pool takes: one that sends much of it is reported.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from node.consensus.events import TransactionsPending
from node.driver.blocks.fetching import Fetching
from node.driver.context import Context
from node.driver.heads import Topic
from node.driver.peers.spreading import Spreading
from node.execution.executor import (
    ErrorKind,
    Executor,
    ExecutorFailed,
    TxError,
    TxInfo,
)
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32
from node.txpool.entries import Admission as PoolAnswer
from node.txpool.entries import Refusal

MAX_WAITING = 20_000
MAX_BATCH = 2_048
LOOKED_AT_WHEN_FULL = 256
MAX_JUNK = 16
"""Transactions in one batch that nobody could have admitted, before its sender is
reported. A few may be decoded otherwise by another executor: an error of ours."""
JUNK = (ErrorKind.MALFORMED, ErrorKind.BAD_SIGNATURE, ErrorKind.WRONG_CHAIN)

log = logging.getLogger(__name__)

Accounts = dict[Address, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to one transaction; `refusal` is None when the pool took it.

    `message` begins with geth's words where geth has them.
    """

    hash: Hash32
    refusal: Refusal | ErrorKind | None = None
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the transaction waits in the pool because of this call."""
        return self.refusal is None


@dataclass(slots=True)
class _Waiting:
    raws: list[bytes]
    origin: Address | None
    answer: "asyncio.Future[list[Submitted]] | None"


class Admission:
    """From raw bytes to the pool."""

    def __init__(
        self,
        context: Context,
        spreading: Spreading,
        fetching: Fetching,
    ) -> None:
        self._context = context
        self._spreading = spreading
        self._fetching = fetching
        self._waiting: deque[_Waiting] = deque()
        self._admitting: list[_Waiting] = []
        self._count = 0
        # While the pool is full: the height, and how many were looked at since.
        self._looked_at = (-1, 0)
        self._running = False
        self.admitted: Topic[tuple[Hash32, ...]] = Topic()

    async def submit(self, raws: Sequence[bytes]) -> list[Submitted]:
        """Transactions of a client: one answer each, in order."""
        if self._count + len(raws) > MAX_WAITING or self._is_overrun(len(raws)):
            waiting = self._count + len(self._context.pool)
            busy = f"{Refusal.POOL_FULL}: {waiting} transactions wait; try again"
            return [Submitted(keccak256(r), Refusal.POOL_FULL, busy) for r in raws]
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Submitted]] = loop.create_future()
        self._enqueue(_Waiting(list(raws), None, answer))
        return await answer

    def _is_overrun(self, count: int) -> bool:
        context, pool = self._context, self._context.pool
        transactions, size = pool.limits.room(is_local=True)
        if len(pool) < transactions and pool.size_bytes < size:
            return False
        height, looked_at = self._looked_at
        if height != context.height:
            looked_at = 0
        self._looked_at = (context.height, looked_at + count)
        return looked_at >= LOOKED_AT_WHEN_FULL

    def offer(self, raws: Sequence[bytes], peer: Address) -> None:
        """Transactions that a peer sent and that are news here."""
        if raws and self._count + len(raws) <= MAX_WAITING:
            self._enqueue(_Waiting(list(raws), peer, None))

    def close(self) -> None:
        """Tell whoever still waits that there will be no answer."""
        for waiting in [*self._admitting, *self._waiting]:
            if waiting.answer is not None and not waiting.answer.done():
                refusal, message = Refusal.POOL_FULL, "the node is stopping"
                waiting.answer.set_result(
                    [Submitted(keccak256(r), refusal, message) for r in waiting.raws]
                )
        self.admitted.close()

    def _enqueue(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._count += len(waiting.raws)
        if not self._running:
            self._running = True
            self._context.tasks.spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._admitting = self._next_batch()
                await self._admit(self._admitting)
        finally:
            self._running = False

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size < MAX_BATCH):
            batch.append(self._waiting.popleft())
            size += len(batch[-1].raws)
        return batch

    async def _admit(self, batch: list[_Waiting]) -> None:
        context = self._context
        executor, digest = context.ports.executor, context.head.header.digest
        raws = [raw for waiting in batch for raw in waiting.raws]

        def work() -> tuple[list[TxInfo | TxError], Accounts]:
            found = _recover(executor, raws)
            senders = list(
                dict.fromkeys(info.sender for info in found if isinstance(info, TxInfo))
            )
            accounts = executor.view(digest).accounts(senders)
            return found, dict(zip(senders, accounts, strict=True))

        infos, accounts = await context.ports.lanes.admission(work)
        self._count -= len(raws)
        at = 0
        for waiting in batch:
            end = at + len(waiting.raws)
            self._add(waiting, infos[at:end], accounts)
            self._blame(waiting.origin, infos[at:end])
            at = end
        if not self._context.was_pending and context.has_executable:
            context.was_pending = True
            context.post(TransactionsPending(context.now_ms))

    def _add(
        self, waiting: _Waiting, infos: list[TxInfo | TxError], accounts: Accounts
    ) -> None:
        context = self._context
        good = [
            (info, raw)
            for info, raw in zip(infos, waiting.raws, strict=True)
            if isinstance(info, TxInfo)
        ]
        fee, now_ms = context.next_base_fee, context.now_ms
        is_local = waiting.origin is None
        result = context.pool.add(good, accounts, fee, now_ms, is_local)
        context.note_dropped(result.dropped)
        refused = context.measures.pool_refused
        refused.update(i.kind.value for i in infos if isinstance(i, TxError))
        refused.update(a.refusal.value for a in result.admissions if a.refusal)
        new = {
            info.hash: raw
            for (info, raw), admission in zip(good, result.admissions, strict=True)
            if admission.ok
        }
        if new:
            self._spreading.on_admitted(list(new.items()), waiting.origin)
            self._fetching.on_admitted(new)
            self.admitted.publish(tuple(new))
        if waiting.answer is not None and not waiting.answer.done():
            waiting.answer.set_result(_answers(infos, result.admissions))

    def _blame(self, origin: Address | None, infos: list[TxInfo | TxError]) -> None:
        junk = sum(isinstance(i, TxError) and i.kind in JUNK for i in infos)
        if origin is not None and junk > MAX_JUNK:
            reason = "many of its transactions are none"
            self._context.ports.network.report(origin, reason)


def _answers(
    infos: Sequence[TxInfo | TxError], admissions: Sequence[PoolAnswer]
) -> list[Submitted]:
    pool_answers = iter(admissions)
    answers = []
    for info in infos:
        if isinstance(info, TxError):
            answers.append(Submitted(info.hash, info.kind, info.message))
        else:
            answer = next(pool_answers)
            answers.append(Submitted(info.hash, answer.refusal, answer.message))
    return answers


def _recover(executor: Executor, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
    """All in one call; if that breaks, one by one, and the breakers are refused."""
    try:
        return executor.recover(raws)
    except ExecutorFailed:
        raise
    # Whatever a hostile transaction makes the decoder raise must not stop the node.
    except Exception as error:
        if len(raws) == 1:
            log.error("a transaction broke the executor", exc_info=error)
            reason = f"decoding failed: {error!r}"
            return [TxError(keccak256(raws[0]), ErrorKind.MALFORMED, reason)]
        return [found for raw in raws for found in _recover(executor, [raw])]
