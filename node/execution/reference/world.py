"""The accounts and slots of one block in the making, with an undo journal.

py-evm's own account database keeps four layers of journals and encodes an account
at every change; here state is plain dictionaries, a snapshot is a position in a list of
undo entries, and the trie is updated once, when the block ends (`seal`). The base state
is never touched. The rules of EIP-2929 (warm) and EIP-1153 (transient) live here too,
since they revert with everything else.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from node.primitives import rlp, trie
from node.primitives.keccak import keccak256
from node.primitives.trie import EMPTY_TRIE_ROOT, Node
from node.primitives.types import Address, Hash32

EMPTY_CODE_HASH = keccak256(b"")
CACHED_HASHES = 100_000
_MISSING = object()


class Source(Protocol):
    """Where nodes and code come from; both raise KeyError for what is not there."""

    def node(self, digest: bytes) -> Node: ...
    def code(self, digest: bytes) -> bytes: ...


class Account(NamedTuple):
    """An account as the trie keeps it. `storage_root` is that before the block."""

    nonce: int = 0
    balance: int = 0
    storage_root: Hash32 = EMPTY_TRIE_ROOT
    code_hash: Hash32 = EMPTY_CODE_HASH

    @property
    def is_empty(self) -> bool:
        """EIP-161: no nonce, no balance, no code."""
        return not self.nonce and not self.balance and self.code_hash == EMPTY_CODE_HASH


NOTHING = Account()


class Storage:
    """The slots of one account that were read or written."""

    __slots__ = ("base", "originals", "root", "values")

    def __init__(self, root: Hash32) -> None:
        self.root = root
        self.values: dict[int, int] = {}
        self.base: dict[int, int] = {}
        """Before the block."""
        self.originals: dict[int, int] = {}
        """Before the transaction (EIP-2200); cleared by `World.end_transaction`."""


class World:
    """Mutable state on top of a state root."""

    def __init__(self, source: Source, root: Hash32) -> None:
        self.source = source
        self.root = root
        self.accounts: dict[Address, Account | None] = {}
        self.base: dict[Address, Account | None] = {}
        self.storages: dict[Address, Storage] = {}
        self.codes: dict[Hash32, bytes] = {}
        self.warm: dict[Any, bool] = {}
        self.transient: dict[tuple[Address, int], bytes] = {}
        self._journal: list[tuple[MutableMapping[Any, Any], Any, Any]] = []
        self._written: list[Storage] = []

    # -- journal

    def snapshot(self) -> int:
        """A point that `revert` can return to."""
        return len(self._journal)

    def revert(self, snapshot: int) -> None:
        """Undo everything since the snapshot."""
        journal = self._journal
        while len(journal) > snapshot:
            mapping, key, old = journal.pop()
            if old is _MISSING:
                del mapping[key]
            else:
                mapping[key] = old

    def put(self, mapping: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        """A change that `revert` undoes."""
        self._journal.append((mapping, key, mapping.get(key, _MISSING)))
        mapping[key] = value

    def end_transaction(self) -> None:
        """Make the transaction's changes final; delete touched empty accounts."""
        accounts = self.accounts
        for mapping, key, _ in self._journal:
            if mapping is accounts:
                account = accounts[key]
                if account is not None and account.is_empty:
                    accounts[key] = None
                    self.storages[key] = Storage(EMPTY_TRIE_ROOT)
        self.settle()

    def abandon_transaction(self) -> None:
        """Undo everything since the last `end_transaction`."""
        self.revert(0)
        self.settle()

    def settle(self) -> None:
        """Make changes final as they are, and forget what was accessed."""
        for storage in self._written:
            storage.originals.clear()
        self._written.clear()
        self._journal.clear()
        self.warm.clear()
        self.transient.clear()

    # -- accounts

    def find(self, at: Address) -> Account | None:
        """The account, None when it does not exist."""
        try:
            return self.accounts[at]
        except KeyError:
            account = self.base[at] = self.accounts[at] = self._load(at)
            return account

    def get(self, at: Address) -> Account:
        """The account; one that does not exist reads as empty."""
        return self.find(at) or NOTHING

    def set(self, at: Address, account: Account) -> None:
        """Write, and so touch, an account."""
        if at not in self.accounts:
            self.find(at)
        self._journal.append((self.accounts, at, self.accounts[at]))
        self.accounts[at] = account

    def add_balance(self, at: Address, delta: int) -> None:
        """Change a balance; touches the account even by 0."""
        nonce, balance, root, code = self.get(at)
        self.set(at, Account(nonce, balance + delta, root, code))

    def set_nonce(self, at: Address, nonce: int) -> None:
        """Set the nonce."""
        _, balance, root, code = self.get(at)
        self.set(at, Account(nonce, balance, root, code))

    def set_balance(self, at: Address, balance: int) -> None:
        """Set the balance, in wei."""
        nonce, _, root, code = self.get(at)
        self.set(at, Account(nonce, balance, root, code))

    def code(self, at: Address) -> bytes:
        """The code of an account, empty when it has none."""
        digest = self.get(at).code_hash
        if digest == EMPTY_CODE_HASH:
            return b""
        code = self.codes.get(digest)
        return self.source.code(digest) if code is None else code

    def set_code(self, at: Address, code: bytes) -> None:
        """Give an account code (also a delegation, EIP-7702)."""
        nonce, balance, root, _ = self.get(at)
        digest = keccak256(code)
        self.codes[digest] = code
        self.set(at, Account(nonce, balance, root, digest))

    def delete(self, at: Address) -> None:
        """Remove an account with its storage."""
        self.find(at)
        self.wipe(at)  # while the account still says where its storage is
        self.put(self.accounts, at, None)

    # -- storage

    def storage(self, at: Address) -> Storage:
        """The loaded slots of an account."""
        try:
            return self.storages[at]
        except KeyError:
            storage = self.storages[at] = Storage(self.get(at).storage_root)
            return storage

    def slot(self, at: Address, slot: int) -> int:
        """The value of a slot now."""
        storage = self.storages.get(at) or self.storage(at)
        try:
            return storage.values[slot]
        except KeyError:
            value = self._load_slot(storage, slot)
            storage.values[slot] = value
            storage.base.setdefault(slot, value)
            return value

    def original_slot(self, at: Address, slot: int) -> int:
        """The value of a slot when the transaction began."""
        now = self.slot(at, slot)
        return self.storages[at].originals.get(slot, now)

    def set_slot(self, at: Address, slot: int, value: int) -> None:
        """Write a slot."""
        old = self.slot(at, slot)
        storage = self.storages[at]
        if not storage.originals:
            self._written.append(storage)
        storage.originals.setdefault(slot, old)
        self._journal.append((storage.values, slot, old))
        storage.values[slot] = value

    def wipe(self, at: Address) -> None:
        """Empty an account's storage."""
        self.storage(at)
        self.put(self.storages, at, Storage(EMPTY_TRIE_ROOT))

    # -- the end of the block

    def seal(self) -> "Sealed":
        """The new state root with the nodes and codes that it needs. Changes nothing:
        it may be called again after more transactions."""
        nodes: dict[bytes, Node] = {}
        changes: dict[bytes, bytes] = {}
        used_codes: dict[bytes, bytes] = {}
        for at, account in self.accounts.items():
            final = self._final(at, account, nodes)
            if final == self.base.get(at):
                continue
            changes[hash_address(at)] = b"" if final is None else _encode(final)
            if final is not None and final.code_hash in self.codes:
                used_codes[final.code_hash] = self.codes[final.code_hash]
        root = trie.update(self.source.node, self.root, changes, nodes)
        return Sealed(root, nodes, used_codes)

    def _final(
        self, at: Address, account: Account | None, nodes: dict[bytes, Node]
    ) -> Account | None:
        storage = self.storages.get(at)
        if account is None or storage is None:
            return account
        base = storage.base
        changes: dict[bytes, bytes] = {
            hash_slot(slot): rlp.encode(rlp.from_int(value)) if value else b""
            for slot, value in storage.values.items()
            if value != base.get(slot, 0)
        }
        root = trie.update(self.source.node, storage.root, changes, nodes)
        return Account(account.nonce, account.balance, root, account.code_hash)

    def _load(self, at: Address) -> Account | None:
        return load_account(self.source, self.root, at)

    def _load_slot(self, storage: Storage, slot: int) -> int:
        if storage.root == EMPTY_TRIE_ROOT:
            return 0
        raw = trie.get(self.source.node, storage.root, hash_slot(slot))
        return rlp.to_int(rlp.decode(raw)) if raw else 0


def remove_nothings(world: World, accounts: Iterable[Address]) -> None:
    """Delete those that a decree left without nonce, balance, code and storage."""
    for at in accounts:
        if world.get(at).is_empty and not _has_storage(world, at):
            world.delete(at)


def _has_storage(world: World, at: Address) -> bool:
    """Whether a slot is set: a test may write one where nothing else is."""
    storage = world.storage(at)
    if any(storage.values.values()) or storage.root == EMPTY_TRIE_ROOT:
        return any(storage.values.values())
    cleared = {bytes(hash_slot(slot)): b"" for slot in storage.values}
    root = trie.update(world.source.node, storage.root, cleared, {})
    return root != EMPTY_TRIE_ROOT


class Sealed(NamedTuple):
    """What a block adds to the store."""

    root: Hash32
    nodes: dict[bytes, Node]
    codes: Mapping[bytes, bytes]


def load_account(source: Source, root: Hash32, at: Address) -> Account | None:
    """The account in the state of a root."""
    raw = trie.get(source.node, root, hash_address(at))
    if not raw:
        return None
    nonce, balance, storage_root, code_hash = rlp.to_list(rlp.decode(raw), 4)
    return Account(
        rlp.to_int(nonce),
        rlp.to_int(balance),
        Hash32(rlp.to_bytes(storage_root, 32)),
        Hash32(rlp.to_bytes(code_hash, 32)),
    )


def _encode(account: Account) -> bytes:
    nonce, balance, storage_root, code_hash = account
    return rlp.encode(
        [rlp.from_int(nonce), rlp.from_int(balance), storage_root, code_hash]
    )


@lru_cache(CACHED_HASHES)
def hash_slot(slot: int) -> Hash32:
    """Where the storage trie keeps a slot."""
    return keccak256(slot.to_bytes(32, "big"))


@lru_cache(CACHED_HASHES)
def hash_address(at: Address) -> Hash32:
    """Where the state trie keeps an account."""
    return keccak256(at)
