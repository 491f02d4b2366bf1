"""What JSON-RPC sees of a node: `node.rpc.backend.Backend` over its real parts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, TypeVar

from node.app.recent import RecentBlocks
from node.app.status import status_json
from node.chain.block import Block
from node.chain.genesis import Genesis
from node.chain.header import Header
from node.chain.validator_contract import VALIDATOR_CONTRACT, read_validators
from node.consensus.codec import encode_evidence
from node.driver.driver import Driver
from node.driver.heads import SubscriberTooSlow, Subscription
from node.driver.ports import BlockStore, Clock
from node.execution.executor import Executor, StateView, TxError
from node.execution.spent import cpu_s
from node.primitives.types import Address, Hash32
from node.rpc.backend import Head, PooledTransaction, Refusal
from node.rpc.refusals import refusal_message
from node.storage.system import name_thread
from node.txpool.entries import Entry
from node.txpool.pool import TxPool

T = TypeVar("T")
S = TypeVar("S")

log = logging.getLogger(__name__)

READER_THREADS = 4
"""Calls, traces and scans run beside the loop, at most this many at once."""


class NodeBackend:
    """See `node.rpc.backend.Backend`; `start` and `stop` frame its life."""

    def __init__(
        self, genesis: Genesis, driver: Driver, own: Address, clock: Clock
    ) -> None:
        self.chain_id = genesis.chain_id
        self.client_version = (
            f"chandlery/v{version('chandlery')}/{driver.executor.name}"
        )
        self.rules = genesis.consensus.header_rules
        self._genesis = genesis
        self._driver = driver
        self._own = own
        self._clock = clock
        self._store: BlockStore = driver.store
        self._executor: Executor = driver.executor
        self._readers = ThreadPoolExecutor(
            READER_THREADS, "reader", name_thread, ("reader",)
        )
        self._head_calls: dict[int, Callable[[Head], None]] = {}
        self._pending_calls: dict[int, Callable[[tuple[Hash32, ...]], None]] = {}
        self._followers: list[asyncio.Task[None]] = []
        self._subscriptions: list[Subscription[Any]] = []
        self._serial = 0
        self._stopping = False
        self._recent = RecentBlocks()

    def start(self) -> None:
        """Follow the driver's heads and admissions."""
        self._followers = [
            asyncio.create_task(self._follow_heads()),
            asyncio.create_task(self._follow_admitted()),
        ]

    async def stop(self) -> None:
        """End the followers and finish the reads under way."""
        self._stopping = True
        for subscription in self._subscriptions:
            subscription.close()
        await asyncio.gather(*self._followers)
        self._readers.shutdown(wait=True, cancel_futures=True)

    async def _follow_heads(self) -> None:
        """Announce every head once; what a full backlog dropped is read again."""
        announced = self._driver.head.header.number
        while True:
            heads = self._subscribe(self._driver.subscribe_heads())
            for number in range(announced + 1, self._driver.head.header.number + 1):
                self._announce(self._at(number))
                announced = number
            try:
                async for new in heads:
                    if new.header.number > announced:
                        self._announce(Head(new.block, new.receipts))
                        announced = new.header.number
            except SubscriberTooSlow:
                log.warning("JSON-RPC lags behind at block %d", announced)
            else:
                return

    def _announce(self, head: Head | None) -> None:
        if head is not None:
            self._recent.put(head)
            for call in list(self._head_calls.values()):
                call(head)

    def _subscribe(self, subscription: Subscription[S]) -> Subscription[S]:
        self._subscriptions.append(subscription)
        if self._stopping:
            subscription.close()
        return subscription

    async def _follow_admitted(self) -> None:
        while True:
            admitted = self._subscribe(self._driver.subscribe_admitted())
            try:
                async for hashes in admitted:
                    for call in list(self._pending_calls.values()):
                        call(hashes)
            except SubscriberTooSlow:
                log.warning("JSON-RPC lags behind the pool")
            else:
                return

    def head(self) -> Header:
        return self._driver.head.header

    def block(self, number: int) -> Block | None:
        if number == 0:
            return Block(self._genesis.header, ())
        found = self._at(number)
        return found.block if found else None

    def _at(self, number: int) -> Head | None:
        if number > self._driver.head.header.number:
            return None
        found = self._recent.get(number)
        if found is None:
            stored, receipts = self._store.at(number), self._store.receipts(number)
            if stored is None or receipts is None:
                return None
            found = Head(Block.decode(stored.block), receipts)
            self._recent.put(found)
        return found

    def number_of(self, digest: Hash32) -> int | None:
        return 0 if digest == self._genesis.digest else self._store.height_of(digest)

    def locate(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        return self._store.location(transaction_hash)

    def receipts(self, number: int) -> tuple[bytes, ...] | None:
        if number == 0:
            return ()
        found = self._at(number)
        return found.receipts if found else None

    def certificate(self, number: int) -> bytes | None:
        stored = self._store.at(number)
        return None if stored is None else stored.certificate

    def senders(self, raws: Sequence[bytes]) -> list[Address]:
        found = self._executor.recover(raws)
        if any(isinstance(info, TxError) for info in found):
            raise ValueError("a final block holds a transaction that has no sender")
        return [info.sender for info in found if not isinstance(info, TxError)]

    def view(self, digest: Hash32) -> StateView:
        return self._executor.view(digest)

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def submit(self, raws: Sequence[bytes]) -> list[Hash32 | Refusal]:
        return [
            answer.hash
            if answer.ok
            else Refusal(answer.hash, refusal_message(answer.refusal, answer.message))
            for answer in await self._driver.submit(raws)
        ]

    @property
    def _pool(self) -> TxPool:
        return self._driver.pool

    def pooled(self, transaction_hash: Hash32) -> PooledTransaction | None:
        entry = self._pool.get(transaction_hash)
        if entry is None:
            return None
        ready_end = self._pool.next_nonce(entry.info.sender)
        is_executable = ready_end is not None and entry.info.nonce < ready_end
        return _pooled(entry, is_executable)

    def pool_content(self) -> list[PooledTransaction]:
        content = self._pool.content()
        rows = [_pooled(e, True) for ready in content.pending.values() for e in ready]
        rows += [_pooled(e, False) for gap in content.queued.values() for e in gap]
        return rows

    def next_nonce(self, sender: Address) -> int | None:
        return self._pool.next_nonce(sender)

    def on_head(self, call: Callable[[Head], None]) -> Callable[[], None]:
        return self._register(self._head_calls, call)

    def on_pending(
        self, call: Callable[[tuple[Hash32, ...]], None]
    ) -> Callable[[], None]:
        return self._register(self._pending_calls, call)

    def _register(self, calls: dict[int, T], call: T) -> Callable[[], None]:
        self._serial += 1
        key = self._serial
        calls[key] = call

        def stop() -> None:
            calls.pop(key, None)

        return stop

    def status(self) -> dict[str, Any]:
        now_ms = self._clock.monotonic_ms()
        status = status_json(self._driver.status(), self._genesis, self._own, now_ms)
        return {**status, "executor_cpu_s": cpu_s()}

    def evidence(self) -> list[dict[str, Any]]:
        return [
            {
                "validator": "0x" + evidence.first.author.hex(),
                "height": evidence.first.payload.height,
                "round": evidence.first.payload.round,
                "kind": evidence.first.payload.code.name.lower(),
                "raw": "0x" + encode_evidence(evidence).hex(),
            }
            for evidence in self._store.evidence()
        ]

    def validators(self, number: int) -> tuple[Address, ...]:
        block = self.block(number)
        if block is None:
            return ()
        known = self._store.validators_of(Hash32(block.header.extra_data))
        if known is not None:
            return known.addresses
        view = self.view(block.digest)
        return read_validators(lambda slot: view.slot(VALIDATOR_CONTRACT, slot)) or ()


def _pooled(entry: Entry, is_executable: bool) -> PooledTransaction:
    info = entry.info
    return PooledTransaction(info, entry.raw, is_executable)  # type: ignore[arg-type]
