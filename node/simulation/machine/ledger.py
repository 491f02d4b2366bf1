"""A cheap executor: accounts with nonces and balances, and a validator set.

`node.execution.executor.Executor` without a virtual machine, so that a simulation runs
hundreds of seconds in one. What the node relies on is kept: roots contradict a forged
block, execution is on the parent's committed state, at most MAX_PENDING_BLOCKS wait,
and after a crash the state may be older than the block log. Hosts of one simulation may
share what executing a block gave (`Executions`): equal states and equal bytes give
equal results, and no host's own state is shared.

    b"\\x02" | sender (20) | nonce (8) | kind (1) | argument (20) | amount (8)

Kinds: PAY moves the amount, JOIN and LEAVE change the validator set by one (one change
a block; never below the genesis's `min_validators`). The sender is not signed for: no
client here forges.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from node.chain.block import Block
from node.chain.genesis import Genesis
from node.chain.header import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    PARENT_BEACON_BLOCK_ROOT,
    Header,
)
from node.chain.validators import ValidatorSet
from node.execution.executor import (
    MAX_PENDING_BLOCKS,
    BlockEnv,
    BlockInvalid,
    BuildLimits,
    BuiltBlock,
    ErrorKind,
    Executed,
    ExecutorFailed,
    TxError,
    TxInfo,
    UnknownState,
)
from node.primitives.keccak import keccak256
from node.primitives.trie import EMPTY_TRIE_ROOT, list_root
from node.primitives.types import Address, Hash32

PAY, JOIN, LEAVE = 0, 1, 2
TRANSACTION_BYTES = 58
GAS = 21_000
FEE_WEI = 10**12
KEPT_STATES = 8
KEPT_EXECUTIONS = 64
PRICES = 8
"""Priority fees are 1 to 8 wei: one more than the rest of the amount."""

Accounts = dict[Address, tuple[int, int]]


def transaction(
    sender: Address, nonce: int, kind: int, argument: Address, amount: int = 0
) -> bytes:
    """The raw bytes of a transaction."""
    head = b"\x02" + sender + nonce.to_bytes(8, "big") + bytes([kind])
    return head + argument + amount.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class State:
    """After a block: (nonce, balance) of accounts, and who signs the next."""

    height: int
    digest: Hash32
    accounts: Accounts
    validators: tuple[Address, ...]

    @property
    def root(self) -> Hash32:
        """A hash of everything."""
        sink = blake2b(b"".join(self.validators), digest_size=32)
        for account in sorted(self.accounts):
            nonce, balance = self.accounts[account]
            sink.update(account + nonce.to_bytes(8, "big"))
            sink.update(balance.to_bytes(16, "big"))
        return Hash32(sink.digest())


@dataclass(slots=True)
class StateDisk:
    """The states that are durable; outlives the ledger as its files would."""

    states: list[State] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Execution:
    """A valid block's result on one parent state."""

    parent: State
    parent_hash: Hash32
    after: State
    executed: Executed


@dataclass(slots=True)
class Executions:
    """The newest KEPT_EXECUTIONS valid blocks, by their bytes."""

    _found: dict[bytes, Execution] = field(default_factory=dict)

    def get(self, block: bytes) -> Execution | None:
        """What executing these bytes gave; good for a state equal to its parent."""
        return self._found.get(block)

    def keep(self, block: bytes, execution: Execution) -> None:
        """Remember it; the oldest makes room."""
        self._found[block] = execution
        if len(self._found) > KEPT_EXECUTIONS:
            del self._found[next(iter(self._found))]


class Ledger:
    """One node's executor."""

    name = "ledger"

    def __init__(
        self, genesis: Genesis, disk: StateDisk, shared: Executions | None = None
    ) -> None:
        """Continue from what is durable; `shared` holds what others worked out."""
        self._shared = Executions() if shared is None else shared
        self._minimum = genesis.consensus.min_validators
        self._disk = disk
        if not disk.states:
            disk.states.append(_first(genesis))
        self._states = {state.digest: state for state in disk.states}
        self._newest = disk.states[-1]
        self._pending: dict[Hash32, Execution] = {}

    @property
    def head(self) -> tuple[int, Hash32]:
        """(height, digest) of the newest committed state."""
        return self._newest.height, self._newest.digest

    @property
    def pending_count(self) -> int:
        """Executed blocks that are neither committed nor discarded."""
        return len(self._pending)

    def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
        """Decode; in order."""
        return [_info(raw) for raw in raws]

    def build(
        self, parent: Header, env: BlockEnv, raws: Sequence[bytes], limits: BuildLimits
    ) -> BuiltBlock:
        """Execute what fits, skipping what is invalid, and seal a header on it."""
        state = self._parent(parent.digest)
        accounts, included = dict(state.accounts), list[int]()
        gas, size = limits.gas, limits.bytes
        for position, raw in enumerate(raws):
            info = _info(raw)
            if isinstance(info, TxError) or gas < GAS or size < len(raw):
                continue
            nonce, balance = accounts.get(info.sender, (0, 0))
            if info.nonce == nonce and info.max_cost <= balance:
                accounts[info.sender] = (nonce + 1, balance)
                included.append(position)
                gas, size = gas - GAS, size - len(raw)
        chosen = tuple(raws[position] for position in included)
        block = self._seal(parent, env, state, chosen).encode()
        return BuiltBlock(block, self.execute(block), tuple(included), ())

    def execute(self, block: bytes, time_ms: int | None = None) -> Executed:
        """Execute on the parent's committed state. Raises BlockInvalid."""
        found = self._shared.get(block)
        if found is None or self._states.get(found.parent_hash) != found.parent:
            decoded = Block.decode(block)
            held = self._pending.get(decoded.digest)
            if held is not None:
                return held.executed
            found = self._execute(decoded)
            self._shared.keep(block, found)
        held = self._pending.get(found.executed.digest)
        if held is not None:
            return held.executed
        if len(self._pending) >= MAX_PENDING_BLOCKS:
            raise ExecutorFailed(f"more than {MAX_PENDING_BLOCKS} blocks wait")
        self._pending[found.executed.digest] = found
        return found.executed

    def commit(self, digest: Hash32) -> None:
        """Make an executed block the new head; idempotent."""
        if digest in self._states:
            return
        held = self._pending.get(digest)
        if held is None:
            raise UnknownState(digest.hex())
        self._newest = held.after
        self._states[digest] = self._newest
        self._pending.clear()
        while len(self._states) > KEPT_STATES:
            del self._states[next(iter(self._states))]

    def discard(self, digest: Hash32) -> None:
        """Forget an executed block."""
        self._pending.pop(digest, None)

    def view(self, digest: Hash32) -> Any:
        """Reads at a committed block. Raises UnknownState."""
        state = self._states.get(digest)
        if state is None:
            raise UnknownState(digest.hex())
        return View(state)

    def flush(self) -> None:
        """Make the newest states durable: a crash falls back to here."""
        self._disk.states = list(self._states.values())

    def close(self) -> None:
        """Nothing to release."""

    def _parent(self, digest: Hash32) -> State:
        state = self._states.get(digest)
        if state is None:
            raise UnknownState(digest.hex())
        return state

    def _execute(self, block: Block) -> Execution:
        """Raises BlockInvalid, UnknownState."""
        header = block.header
        parent = self._parent(header.parent_hash)
        after, executed = self._apply(parent, header, block.transactions)
        _check(header, executed, block.transactions)
        return Execution(parent, header.parent_hash, after, executed)

    def _apply(
        self, parent: State, header: Header, raws: Sequence[bytes]
    ) -> tuple[State, Executed]:
        """Raises BlockInvalid for what cannot be in this block."""
        accounts = dict(parent.accounts)
        validators, touched = parent.validators, dict[Address, None]()
        for raw in raws:
            info = _info(raw)
            if isinstance(info, TxError):
                raise BlockInvalid(info.message)
            nonce, balance = accounts.get(info.sender, (0, 0))
            if info.nonce != nonce or info.max_cost > balance:
                raise BlockInvalid(f"nonce {info.nonce}, expected {nonce}")
            _, argument, amount = _content(raw)
            accounts[info.sender] = (nonce + 1, balance - amount)
            there = accounts.get(argument, (0, 0))
            accounts[argument] = (there[0], there[1] + amount)
            touched[info.sender] = None
            if validators == parent.validators:
                validators = self._changed(validators, raw)
        state = State(header.number, header.digest, accounts, validators)
        executed = Executed(
            digest=header.digest,
            state_root=state.root,
            receipts=tuple(b"\xc0" for _ in raws),
            gas_used=tuple(GAS for _ in raws),
            created=tuple(b"" for _ in raws),
            validators=validators,
            touched=tuple((who, *accounts[who]) for who in touched),
        )
        return state, executed

    def _changed(self, old: tuple[Address, ...], raw: bytes) -> tuple[Address, ...]:
        kind, who, _ = _content(raw)
        if kind == JOIN and who not in old:
            return tuple(sorted([*old, who]))
        if kind == LEAVE and who in old and len(old) > self._minimum:
            return tuple(member for member in old if member != who)
        return old

    def _seal(
        self, parent: Header, env: BlockEnv, state: State, raws: tuple[bytes, ...]
    ) -> Block:
        draft = Header(
            parent_hash=parent.digest,
            ommers_hash=EMPTY_OMMERS_HASH,
            coinbase=env.coinbase,
            state_root=Hash32(bytes(32)),
            transactions_root=list_root(raws),
            receipts_root=_receipts_root(raws),
            logs_bloom=bytes(256),
            difficulty=0,
            number=env.number,
            gas_limit=env.gas_limit,
            gas_used=GAS * len(raws),
            timestamp=env.timestamp,
            extra_data=bytes(32),
            prev_randao=env.prev_randao,
            nonce=bytes(8),
            base_fee_per_gas=env.base_fee_per_gas,
            withdrawals_root=EMPTY_TRIE_ROOT,
            blob_gas_used=0,
            excess_blob_gas=0,
            parent_beacon_block_root=PARENT_BEACON_BLOCK_ROOT,
            requests_hash=EMPTY_REQUESTS_HASH,
        )
        after, executed = self._apply(state, draft, raws)
        root, extra = executed.state_root, ValidatorSet(after.validators).digest
        return Block(replace(draft, state_root=root, extra_data=extra), raws)


class View:
    """`node.execution.executor.StateView`, as far as the driver reads it."""

    def __init__(self, state: State) -> None:
        self._accounts = state.accounts

    def accounts(self, accounts: Sequence[Address]) -> list[tuple[int, int]]:
        """(nonce, balance) of each."""
        return [self._accounts.get(account, (0, 0)) for account in accounts]


def _first(genesis: Genesis) -> State:
    accounts = {at: (entry.nonce, entry.balance) for at, entry in genesis.alloc.items()}
    return State(0, genesis.digest, accounts, genesis.validators.addresses)


def _info(raw: bytes) -> TxInfo | TxError:
    digest = keccak256(raw)
    if len(raw) != TRANSACTION_BYTES or raw[0] != 2:
        return TxError(digest, ErrorKind.MALFORMED, "not a transaction of the ledger")
    sender, nonce = Address(raw[1:21]), int.from_bytes(raw[21:29], "big")
    cost = GAS * FEE_WEI + _content(raw)[2]
    priority = 1 + _content(raw)[2] % PRICES
    return TxInfo(digest, sender, nonce, GAS, FEE_WEI, priority, cost)


def _content(raw: bytes) -> tuple[int, Address, int]:
    """(kind, argument, amount)"""
    return raw[29], Address(raw[30:50]), int.from_bytes(raw[50:58], "big")


def _receipts_root(raws: Sequence[bytes]) -> Hash32:
    size = len(raws).to_bytes(4, "big")
    return Hash32(blake2b(size, digest_size=32).digest())


def _check(header: Header, executed: Executed, raws: Sequence[bytes]) -> None:
    """Raises BlockInvalid where the header contradicts the execution."""
    if header.transactions_root != list_root(raws):
        raise BlockInvalid("transactions root")
    if header.gas_used != GAS * len(raws):
        raise BlockInvalid("gas used")
    if header.receipts_root != _receipts_root(raws):
        raise BlockInvalid("receipts root")
    if header.state_root != executed.state_root:
        raise BlockInvalid("state root")
    validators = executed.validators or ()
    if header.extra_data != ValidatorSet(validators).digest:
        raise BlockInvalid("validators of the next height")
