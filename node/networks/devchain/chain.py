"""The dev chain itself: blocks in memory, sealed on demand, undone on demand.

The same executors, pool, header and receipts as on a consensus network; what is missing
is the consensus. One event loop owns it: work that takes long (building, calls) runs on
a thread while a lock is held, so that nothing is undone below its feet.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from node.chain.block import Block
from node.chain.genesis import Genesis
from node.chain.header import Header
from node.execution.dev import DevExecutor
from node.execution.executor import (
    AccountOverride,
    BlockInvalid,
    BuildLimits,
    BuiltBlock,
    TxError,
)
from node.networks.devchain.clock import ClockState, DevClock
from node.networks.devchain.environment import (
    Draft,
    Environment,
    Sealed,
    Snapshot,
    Step,
    block_env,
    block_of,
    rules_of,
)
from node.networks.devchain.pooling import (
    admit,
    empty_pool,
    is_quick,
    senders_of,
    waiting,
)
from node.primitives.types import Address, Hash32
from node.rpc.backend import Head, Refusal
from node.rpc.errors import server_error
from node.rpc.refusals import refusal_message
from node.txpool.entries import Entry
from node.txpool.pool import TxPool

T = TypeVar("T")

MAX_MINED_BLOCKS = 100_000
"""In one request."""
MAX_SNAPSHOTS = 10_000
BUILD_TIME_MS = 10_000
BUILD_BYTES = 7_000_000
SELECTED_GAS_FACTOR = 2


@dataclass
class DevChain:
    """See the module's docstring. All methods belong to the owning loop."""

    genesis: Genesis
    executor: DevExecutor
    clock: DevClock = field(default_factory=DevClock)
    automine: bool = True

    def __post_init__(self) -> None:
        genesis = self.genesis
        block = Block(genesis.header, ())
        self._first = self.executor.mark()
        self.sealed: list[Sealed] = [Sealed(block, (), (), (), self._first)]
        self._numbers: dict[Hash32, int] = {block.digest: 0}
        self._places: dict[Hash32, tuple[int, int]] = {}
        self.environment = self._initial = Environment(
            coinbase=genesis.validators.addresses[0],
            gas_limit=genesis.consensus.gas_limit,
            chain_id=genesis.chain_id,
        )
        self.impersonated: frozenset[Address] = frozenset()
        self.impersonates_all = False
        self.on_sealed: list[Callable[[Head], None]] = []
        self.on_admitted: list[Callable[[tuple[Hash32, ...]], None]] = []
        self.on_step: list[Callable[[Step], None]] = []
        self.on_close: list[Callable[[], None]] = []
        self._snapshots: dict[int, Snapshot] = {}
        self._next_snapshot = 0
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "devchain")
        self.pool = self._empty_pool()

    def close(self) -> None:
        """End the thread and the executor."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self.executor.close()
        for call in self.on_close:
            call()

    # -- reads

    @property
    def head(self) -> Header:
        """The newest header."""
        return self.sealed[-1].block.header

    @property
    def environment(self) -> Environment:
        """What is set for blocks to come; `rules` follow from it."""
        return self._environment

    @environment.setter
    def environment(self, environment: Environment) -> None:
        self._environment = environment
        self.rules = rules_of(self.genesis, environment)

    def at(self, number: int) -> Sealed | None:
        """The block of a height."""
        return self.sealed[number] if 0 <= number < len(self.sealed) else None

    def number_of(self, digest: Hash32) -> int | None:
        """The height of a block hash."""
        return self._numbers.get(digest)

    def locate(self, transaction: Hash32) -> tuple[int, int] | None:
        """(height, position) of a sealed transaction."""
        return self._places.get(transaction)

    async def run(self, work: Callable[[], T]) -> T:
        """Work that reads the state, on the thread; nothing changes meanwhile."""
        async with self._lock:
            return await self._on_thread(work)

    def _on_thread(self, work: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    # -- transactions

    def admit(self, raws: Sequence[bytes]) -> list[Hash32 | Refusal]:
        """Let transactions wait in the pool, all at once; an answer for each."""
        infos = self.executor.recover(raws)
        view = self.executor.view(self.head.digest)
        moment = (self.rules.base_fee_after(self.head), _now_ms())
        answers = admit(self.pool, list(zip(infos, raws, strict=True)), view, moment)
        taken = tuple(answer for answer in answers if not isinstance(answer, Refusal))
        if taken:
            for call in self.on_admitted:
                call(taken)
        return answers

    def can_seal(self) -> bool:
        """Whether a block would hold a transaction."""
        return self.pool.has_executable(self.rules.base_fee_after(self.head))

    def forget(self, transactions: Sequence[Hash32]) -> list[Hash32]:
        """Drop waiting transactions; returns those that were there."""
        dropped = [at for at in transactions if at in self.pool]
        if dropped:
            gone = frozenset(dropped)
            self._fill_pool([e for e in self._waiting() if e.info.hash not in gone])
        return dropped

    # -- sealing

    async def mine(self, blocks: int = 1, interval_s: int | None = None) -> None:
        """Seal blocks; with an interval, each so long after the one before."""
        if blocks > MAX_MINED_BLOCKS:
            raise server_error(f"at most {MAX_MINED_BLOCKS} blocks at once")
        for at in range(blocks):
            await asyncio.sleep(0)  # others have their turn between two blocks
            async with self._lock:
                if interval_s is not None and at > 0:
                    parent_s = self.head.timestamp
                    self.clock.set_next(parent_s + max(1, interval_s), parent_s)
                await self._seal()

    def seal_at_once(self) -> dict[Hash32, str] | None:
        """`seal` without giving way to anybody; None when that would take too long, or
        somebody works on the state."""
        if self._lock.locked():
            return None
        draft = self._draft()
        if not is_quick(self.pool, draft.chosen, self.executor.name):
            return None
        return self._finish(draft, draft.build())

    async def seal(self) -> dict[Hash32, str]:
        """One block of what is executable; whom the executor refused and why."""
        async with self._lock:
            return await self._seal()

    async def _seal(self) -> dict[Hash32, str]:
        draft = self._draft()
        if is_quick(self.pool, draft.chosen, self.executor.name):
            return self._finish(draft, draft.build())
        return self._finish(draft, await self._on_thread(draft.build))

    def _draft(self) -> Draft:
        parent = self.head
        timestamp = self.clock.next_timestamp(parent.timestamp)
        env = block_env(parent, self.environment, self.rules, timestamp)
        gas = SELECTED_GAS_FACTOR * self.environment.gas_limit
        chosen = self.pool.select(gas, BUILD_BYTES, env.base_fee_per_gas)
        limits = BuildLimits(self.environment.gas_limit, BUILD_BYTES, BUILD_TIME_MS)
        raws = tuple(chosen.raws)
        build = partial(self.executor.build, parent, env, raws, limits)
        return Draft(self.executor.mark(), env.timestamp, chosen, build)

    def _finish(self, draft: Draft, built: BuiltBlock) -> dict[Hash32, str]:
        executed, chosen = built.executed, draft.chosen.hashes
        self.executor.commit(executed.digest)
        block = block_of(built, draft.chosen)
        hashes = tuple(chosen[position] for position in built.included)
        senders = senders_of(self.pool, hashes)
        self._append(Sealed(block, executed.receipts, hashes, senders, draft.mark))
        self._tell(("block", block))
        refusals = {}
        for position, error in built.refused:
            refusals[error.hash] = refusal_message(error.kind, error.message)
            self.pool.quarantine(chosen[position], error.message)
        self.pool.on_block(hashes, executed.touched, _now_ms())
        self.clock.sealed(draft.timestamp)
        if self.environment.is_for_one_block:
            self.environment = replace(
                self.environment, next_base_fee=None, next_prev_randao=None
            )
        head = Head(block, executed.receipts)
        for call in self.on_sealed:
            call(head)
        return refusals

    def _append(self, sealed: Sealed) -> None:
        number = sealed.block.header.number
        self.sealed.append(sealed)
        self._numbers[sealed.block.digest] = number
        for position, transaction in enumerate(sealed.hashes):
            self._places[transaction] = number, position

    # -- cheats

    async def edit(self, changes: Mapping[Address, AccountOverride]) -> None:
        """Change accounts in the newest state."""
        async with self._lock:
            self.executor.edit(changes)
            self._tell(("edit", changes))
            self._fill_pool(self._waiting())

    async def set_chain_id(self, chain_id: int) -> None:
        """Transactions are for this chain from now on; waiting ones are dropped."""
        async with self._lock:
            self.adopt_chain_id(chain_id)
            self._tell(("chain_id", chain_id))
            self.pool = self._empty_pool()

    async def set_gas_limit(self, gas_limit: int) -> None:
        """Of blocks to come."""
        async with self._lock:
            self.environment = replace(self.environment, gas_limit=gas_limit)
            self._fill_pool(self._waiting())

    # -- going back

    async def snapshot(self) -> int:
        """Remember everything; returns its number."""
        async with self._lock:
            if len(self._snapshots) >= MAX_SNAPSHOTS:
                raise server_error(
                    f"{MAX_SNAPSHOTS} snapshots are kept; revert to one of them first"
                )
            number = self._next_snapshot
            self._next_snapshot += 1
            self._snapshots[number] = Snapshot(
                self.executor.mark(),
                self.head.number,
                self.environment,
                self.clock.state,
                self.impersonated,
                tuple(self._waiting()),
            )
            return number

    async def revert(self, number: int) -> bool:
        """Go back to a snapshot and forget it and those made after it."""
        async with self._lock:
            found = self._snapshots.get(number)
            if found is None:
                return False
            self._go_back(found.height, found.mark)
            self._snapshots = {n: s for n, s in self._snapshots.items() if n < number}
            if found.environment.chain_id != self.environment.chain_id:
                self.adopt_chain_id(found.environment.chain_id)
                self._tell(("chain_id", found.environment.chain_id))
            self.environment = found.environment
            self.clock.state = found.clock
            self.impersonated = found.impersonated
            self._fill_pool(found.waiting)
            return True

    def snapshots(self) -> dict[str, list[Any]]:
        """Number -> [height, block hash] of those that are kept."""
        return {
            hex(number): [
                kept.height,
                "0x" + self.sealed[kept.height].block.digest.hex(),
            ]
            for number, kept in self._snapshots.items()
        }

    async def rollback(self, depth: int) -> None:
        """Take the newest blocks off. Raises RpcError."""
        async with self._lock:
            height = self.head.number - depth
            if depth <= 0 or height < 0:
                raise server_error(
                    f"cannot roll back {depth} blocks at height {self.head.number}"
                )
            self._go_back(height, self.sealed[height + 1].mark)
            self._drop_snapshots_above(height)
            self._fill_pool(self._waiting())

    async def reset(self) -> None:
        """Back to genesis, with the settings of the start."""
        async with self._lock:
            self._go_back(0, self._first)
            self._snapshots.clear()
            self.adopt_chain_id(self.genesis.chain_id)
            self._tell(("chain_id", self.genesis.chain_id))
            self.environment = self._initial
            self.clock.state = ClockState()
            self.impersonated, self.impersonates_all = frozenset(), False
            self.pool = self._empty_pool()

    def _go_back(self, height: int, mark: int) -> None:
        self.go_back(height, mark)
        self._tell(("rewind", (height, mark)))

    # -- steps, done and done again (see `journal`)

    def _tell(self, step: Step) -> None:
        for call in self.on_step:
            call(step)

    def adopt(self, block: Block) -> None:
        """Execute a block of this chain and append it. Raises BlockInvalid."""
        if block.header.parent_hash != self.head.digest:
            raise BlockInvalid(f"block {block.header.number} does not follow the head")
        mark = self.executor.mark()
        executed = self.executor.execute(block.encode())
        self.executor.commit(executed.digest)
        infos = self.executor.recover(block.transactions)
        hashes = tuple(info.hash for info in infos)
        senders = tuple(at.sender for at in infos if not isinstance(at, TxError))
        self._append(Sealed(block, executed.receipts, hashes, senders, mark))

    def adopt_chain_id(self, chain_id: int) -> None:
        """Transactions are for this chain from now on."""
        self.executor.set_chain_id(chain_id)
        self.environment = replace(self.environment, chain_id=chain_id)

    def go_back(self, height: int, mark: int) -> None:
        """Take off blocks above a height and edits after a mark."""
        for sealed in self.sealed[height + 1 :]:
            del self._numbers[sealed.block.digest]
            for transaction in sealed.hashes:
                self._places.pop(transaction, None)
        del self.sealed[height + 1 :]
        self.executor.rewind(mark)

    def _drop_snapshots_above(self, height: int) -> None:
        mark = self.executor.mark()
        self._snapshots = {
            n: s
            for n, s in self._snapshots.items()
            if s.height <= height and s.mark <= mark
        }

    # -- the pool

    def _empty_pool(self) -> TxPool:
        return empty_pool(self.genesis, self.environment.gas_limit)

    def _waiting(self) -> list[Entry]:
        return waiting(self.pool)

    def _fill_pool(self, entries: Sequence[Entry]) -> None:
        """A pool over the state as it is now; what no longer fits is dropped."""
        self.pool = self._empty_pool()
        if entries:
            fee = self.rules.base_fee_after(self.head)
            view = self.executor.view(self.head.digest)
            raws = [entry.raw for entry in entries]
            infos = zip(self.executor.recover(raws), raws, strict=True)
            admit(self.pool, list(infos), view, (fee, _now_ms()))


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)
