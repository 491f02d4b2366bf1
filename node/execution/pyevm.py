"""The reference executor: py-evm's machine, in Python alone.

State lives in `reference.store`, which keeps every node: as an archive every committed
state stays readable, otherwise those before the window are refused and stay on disk.
`head` trails the last commit by at most FLUSH_BLOCKS blocks, which the node replays
after a crash. A block that was built or executed waits as its new trie nodes until it
is committed or discarded; several may, all on one parent. Transactions are
decoded and their senders recovered once, whether `recover`, `build` or `execute`
sees them first. Makes no use of threads; views may be read from any.
"""

import time
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import NamedTuple

from lru import LRU

from node.chain.block import Block
from node.chain.genesis import Genesis, GenesisAccount
from node.chain.header import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    PARENT_BEACON_BLOCK_ROOT,
    Header,
)
from node.execution.executor import (
    MAX_PENDING_BLOCKS,
    BlockEnv,
    BlockInvalid,
    BuildLimits,
    BuiltBlock,
    Executed,
    ExecutorFailed,
    TxError,
    TxInfo,
    UnknownState,
)
from node.execution.reference.blocks import (
    Execution,
    Roots,
    context_of,
    differences,
    env_of,
    executed_of,
)
from node.execution.reference.store import Head, StateStore
from node.execution.reference.view import ReferenceView
from node.execution.reference.world import Account, Sealed, World
from node.execution.settings import StateSettings
from node.execution.validation import (
    TRANSIENT_KINDS,
    Admitted,
    TransactionError,
    admit,
    error_of,
)
from node.primitives.rlp import RlpError
from node.primitives.trie import EMPTY_TRIE_ROOT
from node.primitives.types import Address, Hash32

CACHED_TRANSACTIONS = 20_000


class _Pending(NamedTuple):
    """An executed block that is not committed."""

    parent: Hash32
    head: Head
    raws: tuple[bytes, ...]
    sealed: Sealed
    executed: Executed


class PyEvmExecutor:
    """See the module's docstring, and `node.execution.executor` for the contract."""

    name = "pyevm"

    def __init__(
        self,
        directory: Path,
        genesis: Genesis,
        store: StateStore | None = None,
        settings: StateSettings | None = None,
    ) -> None:
        """Open the state in a directory, or begin it. Raises ExecutorFailed."""
        self._settings = settings or StateSettings()
        self._chain_id = genesis.chain_id
        self._store = store or StateStore(directory, genesis.digest)
        self._pending: dict[Hash32, _Pending] = {}
        self._admitted: LRU[bytes, Admitted] = LRU(CACHED_TRANSACTIONS)
        if self._store.durable is None:
            self._begin(genesis)

    @property
    def head(self) -> tuple[int, Hash32]:
        """See Executor."""
        head = self._store.durable
        if head is None:
            raise ExecutorFailed("the state has no genesis")
        return head.height, head.digest

    def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
        """See Executor."""
        return [self._recover(raw) for raw in raws]

    def build(
        self, parent: Header, env: BlockEnv, raws: Sequence[bytes], limits: BuildLimits
    ) -> BuiltBlock:
        """See Executor. One transaction may run for `limits.time_ms`, or is refused: a
        build ends within twice that."""
        head = self._readable(parent.digest)
        execution = self._begin_block(head, env)
        included: list[int] = []
        refused: list[tuple[int, TxError]] = []
        budget_s = limits.time_ms / 1000
        stop = time.monotonic() + budget_s
        room = limits.bytes
        for position, raw in enumerate(raws):
            if time.monotonic() >= stop:
                break
            try:
                admitted = self._admit(raw)
                execution.validate_for_block(admitted)
                gas = execution.total_gas + admitted.tx.gas_limit
                fits = gas <= limits.gas and execution.has_room(admitted)
                # One without room waits for a later block, whose state judges it.
                if fits and len(raw) <= room:
                    execution.validate(admitted)
                    execution.try_run(raw, admitted, budget_s)
                    included.append(position)
                    room -= len(raw)
            except TransactionError as error:
                if error.kind not in TRANSIENT_KINDS:
                    refused.append((position, error_of(raw, error)))
        roots, sealed, finished = execution.finish(head.extra)
        header = _seal_header(parent, env, roots)
        executed = executed_of(header.digest, roots.state_root, execution, finished)
        block = Block(header, tuple(execution.raws))
        self._keep(block, sealed, executed)
        return BuiltBlock(block.encode(), executed, tuple(included), tuple(refused))

    def execute(self, block: bytes, time_ms: int | None = None) -> Executed:
        """See Executor."""
        try:
            decoded = Block.decode(block)
        except (RlpError, ValueError) as error:
            raise BlockInvalid(f"the block is not decodable: {error}") from error
        header = decoded.header
        held = self._pending.get(header.digest)
        if held is not None:
            if held.raws != decoded.transactions:  # the digest binds only the header
                raise BlockInvalid("the transactions are not those of the header")
            return held.executed
        head = self._readable(header.parent_hash)
        execution = self._begin_block(head, env_of(header))
        end = inf if time_ms is None else time.monotonic() + time_ms / 1000
        with execution.until(end):
            for position, raw in enumerate(decoded.transactions):
                self._execute_one(execution, position, raw)
        roots, sealed, finished = execution.finish(head.extra)
        wrong = differences(roots, _claims_of(header))
        if wrong:
            raise BlockInvalid(f"block {header.number}: {wrong}")
        executed = executed_of(header.digest, roots.state_root, execution, finished)
        self._keep(decoded, sealed, executed)
        return executed

    def commit(self, digest: Hash32) -> None:
        """See Executor. Raises UnknownState for a block that is not held."""
        entry = self._pending.get(digest)
        if entry is None:
            self._at(digest)
            return
        newest = self._store.newest
        if newest is None or entry.parent != newest.digest:
            raise ExecutorFailed(
                f"block {entry.head.height} does not follow the committed head"
            )
        self._store.add(entry.head, entry.sealed.nodes, dict(entry.sealed.codes))
        self._pending.clear()

    def discard(self, digest: Hash32) -> None:
        """See Executor."""
        self._pending.pop(digest, None)

    def view(self, digest: Hash32) -> ReferenceView:
        """See Executor."""
        head = self._readable(digest)
        return ReferenceView(self._store, head, self._chain_id, self._admit)

    def close(self) -> None:
        """See Executor."""
        self._store.close()

    # -- inside

    def _begin(self, genesis: Genesis) -> None:
        sealed = genesis_state(self._store, genesis.alloc)
        header = genesis.header
        if sealed.root != header.state_root:
            raise ExecutorFailed("the genesis state does not have its header's root")
        head = Head(0, header.digest, sealed.root, header.extra_data)
        self._store.add(head, sealed.nodes, dict(sealed.codes))
        self._store.flush()

    def _at(self, digest: Hash32) -> Head:
        try:
            return self._store.at_digest(digest)
        except KeyError:
            raise UnknownState(f"no state of block 0x{digest.hex()}") from None

    def _readable(self, digest: Hash32) -> Head:
        """A committed state within the window. Raises UnknownState."""
        head = self._at(digest)
        newest = self._store.newest or head
        if not self._settings.is_readable(head.height, newest.height):
            raise UnknownState(f"no state of block 0x{digest.hex()}")
        return head

    def _recover(self, raw: bytes) -> TxInfo | TxError:
        try:
            return self._admit(raw).info
        except TransactionError as error:
            return error_of(raw, error)

    def _admit(self, raw: bytes) -> Admitted:
        admitted = self._admitted.get(raw)
        if admitted is None:
            admitted = self._admitted[raw] = admit(raw, self._chain_id)
        return admitted

    def _begin_block(self, head: Head, env: BlockEnv) -> Execution:
        world = World(self._store, head.root)
        context = context_of(env, self._chain_id, self._store)
        return Execution(world, context, head.digest)

    def _execute_one(self, execution: Execution, position: int, raw: bytes) -> None:
        try:
            admitted = self._admit(raw)
            execution.validate(admitted)
        except TransactionError as error:
            raise BlockInvalid(
                f"transaction {position}: {error.kind}: {error}"
            ) from error
        if not execution.has_room(admitted):
            raise BlockInvalid(f"transaction {position} exceeds the block's gas limit")
        execution.run(raw, admitted)

    def _keep(self, block: Block, sealed: Sealed, executed: Executed) -> None:
        header = block.header
        newest = self._store.newest
        if newest is not None and header.number <= newest.height:
            return  # executed again below the head: nothing to commit
        while len(self._pending) >= MAX_PENDING_BLOCKS:
            del self._pending[next(iter(self._pending))]
        head = Head(header.number, header.digest, sealed.root, header.extra_data)
        self._pending[header.digest] = _Pending(
            header.parent_hash, head, block.transactions, sealed, executed
        )


def genesis_state(store: StateStore, alloc: Mapping[Address, GenesisAccount]) -> Sealed:
    """The first state, from nothing."""
    world = World(store, EMPTY_TRIE_ROOT)
    for at, account in alloc.items():
        world.set(at, Account(account.nonce, account.balance))
        if account.code:
            world.set_code(at, account.code)
        for slot, value in account.storage.items():
            world.set_slot(at, slot, value)
    return world.seal()


def _claims_of(header: Header) -> Roots:
    return Roots(
        header.state_root,
        header.transactions_root,
        header.receipts_root,
        header.logs_bloom,
        header.gas_used,
        header.extra_data,
    )


def _seal_header(parent: Header, env: BlockEnv, roots: Roots) -> Header:
    return Header(
        parent_hash=parent.digest,
        ommers_hash=EMPTY_OMMERS_HASH,
        coinbase=env.coinbase,
        state_root=roots.state_root,
        transactions_root=roots.transactions_root,
        receipts_root=roots.receipts_root,
        logs_bloom=roots.logs_bloom,
        difficulty=0,
        number=env.number,
        gas_limit=env.gas_limit,
        gas_used=roots.gas_used,
        timestamp=env.timestamp,
        extra_data=roots.extra_data,
        prev_randao=env.prev_randao,
        nonce=bytes(8),
        base_fee_per_gas=env.base_fee_per_gas,
        withdrawals_root=EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=PARENT_BEACON_BLOCK_ROOT,
        requests_hash=EMPTY_REQUESTS_HASH,
    )
