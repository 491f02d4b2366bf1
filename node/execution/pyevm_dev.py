"""The reference executor of a dev chain: in memory, with state writes and undo.

Every commit and every edit is a layer that knows which nodes, codes and names it added;
to rewind is to take layers off again, so that a snapshot costs nothing and a thousand
resets leave no trace. Addresses and slots are remembered by name, for the trie only
knows their hashes and a dump needs them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.chain.block import Block
from node.chain.genesis import Genesis, GenesisAccount
from node.execution.dev import decode_marked, is_marked
from node.execution.executor import (
    AccountOverride,
    BlockEnv,
    ErrorKind,
    Executed,
    ExecutorFailed,
    UnknownState,
)
from node.execution.pyevm import PyEvmExecutor
from node.execution.reference.blocks import Execution
from node.execution.reference.calls import override
from node.execution.reference.store import EMPTY_CODE_HASH, Head, StateStore
from node.execution.reference.world import (
    Sealed,
    World,
    load_account,
    remove_nothings,
)
from node.execution.validation import (
    Admitted,
    TransactionError,
    admit,
    validate_stateless,
)
from node.primitives.trie import Node
from node.primitives.types import Address, Hash32

Name = tuple[Address, int | None]
"""An address, or a slot of it."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """A state, and what its making added to the store."""

    head: Head
    nodes: tuple[bytes, ...]
    codes: tuple[bytes, ...]
    names: tuple[Name, ...]


class MemoryStore(StateStore):
    """The store without a disk. What it holds is what its layers need."""

    def __init__(self) -> None:
        self._all_nodes: dict[bytes, Node] = {}
        self._all_codes: dict[bytes, bytes] = {}
        self._heads: dict[int, Head] = {}
        self._heights: dict[Hash32, int] = {}
        self._layers: list[_Layer] = []
        self.names: dict[Name, None] = {}

    @property
    def durable(self) -> Head | None:
        """The newest head: nothing outlives the process, nothing is behind."""
        return self.newest

    @property
    def newest(self) -> Head | None:
        """The newest committed head."""
        return self._layers[-1].head if self._layers else None

    def node(self, digest: bytes) -> Node:
        """The node of a hash. Raises UnknownState for one that was undone."""
        try:
            return self._all_nodes[digest]
        except KeyError:
            raise UnknownState("the state was reverted meanwhile") from None

    def code(self, digest: bytes) -> bytes:
        """The code of a hash. Raises KeyError."""
        return b"" if digest == EMPTY_CODE_HASH else self._all_codes[digest]

    def at_digest(self, digest: Hash32) -> Head:
        """The head of a committed block. Raises KeyError."""
        return self._heads[self._heights[digest]]

    def digest_at(self, height: int) -> Hash32:
        """The block hash at a height. Raises KeyError."""
        return self._heads[height].digest

    def add(
        self, head: Head, nodes: dict[bytes, Node], codes: dict[bytes, bytes]
    ) -> None:
        """Commit a block's, or an edit's, new nodes and code."""
        self.add_named(head, nodes, codes, iter(()))

    def add_named(
        self,
        head: Head,
        nodes: dict[bytes, Node],
        codes: Mapping[bytes, bytes],
        names: Iterator[Name],
    ) -> None:
        """The same, with the addresses and slots that changed."""
        layer = _Layer(
            head,
            tuple(at for at in nodes if at not in self._all_nodes),
            tuple(at for at in codes if at not in self._all_codes),
            tuple(dict.fromkeys(n for n in names if n not in self.names)),
        )
        self._all_nodes.update(nodes)
        self._all_codes.update(codes)
        self.names.update(dict.fromkeys(layer.names))
        self._layers.append(layer)
        self._heads[head.height] = head
        self._heights[head.digest] = head.height

    @property
    def held(self) -> tuple[int, int, int, int]:
        """How many layers, names, codes and nodes there are."""
        parts = (self._layers, self.names, self._all_codes, self._all_nodes)
        layers, names, codes, nodes = map(len, parts)
        return layers, names, codes, nodes

    def depth(self) -> int:
        """How many layers there are."""
        return len(self._layers)

    def cut(self, depth: int) -> None:
        """Take off all layers but the first `depth`."""
        if not 0 < depth <= len(self._layers):
            raise ExecutorFailed(f"no state {depth} to go back to")
        for layer in reversed(self._layers[depth:]):
            for node in layer.nodes:
                del self._all_nodes[node]
            for code in layer.codes:
                del self._all_codes[code]
            for name in layer.names:
                del self.names[name]
            self._heights.pop(layer.head.digest, None)
            self._heads.pop(layer.head.height, None)
        del self._layers[depth:]
        newest = self._layers[-1].head
        self._heads[newest.height] = newest
        self._heights[newest.digest] = newest.height

    def flush(self) -> None:
        """Nothing to write."""

    def close(self) -> None:
        """Nothing to release."""


class PyEvmDevExecutor(PyEvmExecutor):
    """See `node.execution.dev.DevExecutor`."""

    def __init__(self, genesis: Genesis) -> None:
        self._memory = MemoryStore()
        self._making: World | None = None
        self._worlds: dict[Hash32, World] = {}
        super().__init__(Path(), genesis, self._memory)
        for at, account in genesis.alloc.items():
            self._memory.names[at, None] = None
            self._memory.names.update(dict.fromkeys((at, s) for s in account.storage))

    def edit(self, changes: Mapping[Address, AccountOverride]) -> None:
        """See DevExecutor."""
        newest = self._newest()
        world = World(self._memory, newest.root)
        override(world, changes)
        remove_nothings(world, changes)
        sealed = world.seal()
        head = replace(newest, root=sealed.root)
        self._memory.add_named(head, sealed.nodes, sealed.codes, _changed(world))
        self._forget_pending()

    def mark(self) -> int:
        """See DevExecutor."""
        return self._memory.depth()

    def rewind(self, mark: int) -> None:
        """See DevExecutor."""
        self._memory.cut(mark)
        self._forget_pending()
        self._admitted.clear()

    @property
    def held(self) -> tuple[int, int, int, int]:
        """How many layers, names, codes and nodes there are."""
        return self._memory.held

    def dump(self) -> dict[Address, GenesisAccount]:
        """See DevExecutor."""
        root = self._newest().root
        world = World(self._memory, root)
        storages: dict[Address, dict[int, int]] = {}
        for at, slot in self._memory.names:
            kept = storages.setdefault(at, {})
            value = 0 if slot is None else world.slot(at, slot)
            if slot is not None and value:
                kept[slot] = value
        found = {}
        for at, storage in sorted(storages.items()):
            account = load_account(self._memory, root, at)
            if account is not None:
                code = self._memory.code(account.code_hash)
                found[at] = GenesisAccount(
                    account.balance, account.nonce, code, dict(sorted(storage.items()))
                )
        return found

    def set_chain_id(self, chain_id: int) -> None:
        """See DevExecutor."""
        self._chain_id = chain_id
        self._admitted.clear()

    def commit(self, digest: Hash32) -> None:
        """See Executor."""
        entry = self._pending.get(digest)
        if entry is None:
            super().commit(digest)
            return
        if entry.parent != self._newest().digest:
            raise ExecutorFailed(
                f"block {entry.head.height} does not follow the committed head"
            )
        names = _changed(self._worlds[digest])
        sealed = entry.sealed
        self._memory.add_named(entry.head, sealed.nodes, sealed.codes, names)
        self._forget_pending()

    def discard(self, digest: Hash32) -> None:
        """See Executor."""
        super().discard(digest)
        self._worlds.pop(digest, None)

    # -- inside

    def _newest(self) -> Head:
        newest = self._memory.newest
        if newest is None:
            raise ExecutorFailed("the state has no genesis")
        return newest

    def _forget_pending(self) -> None:
        self._pending.clear()
        self._worlds.clear()

    def _begin_block(self, head: Head, env: BlockEnv) -> Execution:
        execution = super()._begin_block(head, env)
        self._making = execution.world
        return execution

    def _keep(self, block: Block, sealed: Sealed, executed: Executed) -> None:
        super()._keep(block, sealed, executed)
        if self._making is not None and block.digest in self._pending:
            self._worlds[block.digest] = self._making
        self._worlds = {at: w for at, w in self._worlds.items() if at in self._pending}

    def _admit(self, raw: bytes) -> Admitted:
        admitted = self._admitted.get(raw)
        if admitted is None:
            admitted = self._admitted[raw] = self._admit_either(raw)
        return admitted

    def _admit_either(self, raw: bytes) -> Admitted:
        if not is_marked(raw):
            return admit(raw, self._chain_id)
        try:
            tx, sender = decode_marked(raw)
        except ValueError as error:
            raise TransactionError(ErrorKind.BAD_SIGNATURE, str(error)) from None
        validate_stateless(tx)
        return Admitted(tx, sender, is_impersonated=True)


def _changed(world: World) -> Iterator[Name]:
    """The accounts and slots that differ from the state below."""
    for at, account in world.accounts.items():
        if account != world.base.get(at):
            yield at, None
    for at, storage in world.storages.items():
        for slot, value in storage.values.items():
            if value != storage.base.get(slot, 0):
                yield at, None
                yield at, slot
