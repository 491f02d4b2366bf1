"""The contract of an executor: bytes in, bytes out, one call a block.

The node decides headers, order and consensus; an executor turns a parent state and
transactions into the next state. It keeps the state of committed blocks and, apart
from it, up to MAX_PENDING_BLOCKS executed blocks that may still be discarded:
`execute` never touches committed state. Both implementations give the same roots,
receipts and errors. Calls block and may take long: the driver makes them off the loop,
one at a time, except `view`, which any thread may use beside them.

Below header rules: an executor checks what a header says about execution (gas used,
roots, bloom, and that extra data is the resulting validator set's hash) and leaves
parent hash, timestamp, base fee, coinbase and prevRandao to `node.chain.header_rules`.
System calls: EIP-4788 and 2935 before the transactions, 7002 and 7251 after them, each
where the account exists; what 7002 and 7251 return is dropped (there is no beacon
chain), so the requests hash is always that of the empty list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from node.chain.header import Header
from node.primitives.types import Address, Hash32

MAX_PENDING_BLOCKS = 16
MAX_CODE_BYTES = 24_576
MAX_TRANSACTION_BYTES = 131_072
TOUCH_TRACER = "touchTracer"


class ErrorKind(StrEnum):
    """Why a transaction cannot be in a block; equal in both executors."""

    MALFORMED = "malformed"  # not decodable, trailing bytes, wrong field sizes
    BAD_SIGNATURE = "bad_signature"  # high s, no key, wrong v
    WRONG_CHAIN = "wrong_chain"
    UNPROTECTED = "unprotected"  # a legacy transaction without a chain id
    UNSUPPORTED_TYPE = "unsupported_type"  # blobs, unknown envelopes
    NONCE_TOO_LOW = "nonce_too_low"
    NONCE_TOO_HIGH = "nonce_too_high"
    NONCE_MAX = "nonce_max"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    FEE_TOO_LOW = "fee_too_low"  # max fee below the base fee
    PRIORITY_ABOVE_MAX = "priority_above_max"
    INTRINSIC_GAS = "intrinsic_gas"
    FLOOR_GAS = "floor_gas"  # EIP-7623
    GAS_LIMIT = "gas_limit"  # above the block's
    INITCODE_TOO_LARGE = "initcode_too_large"
    SENDER_HAS_CODE = "sender_has_code"  # EIP-3607
    EMPTY_AUTHORIZATIONS = "empty_authorizations"  # EIP-7702
    TOO_LARGE = "too_large"
    OVERFLOW = "overflow"
    UNBUILDABLE = "unbuildable"  # takes a builder too long, or breaks its machine


@dataclass(frozen=True, slots=True)
class TxError:
    """A refused transaction; `hash` is the keccak of the raw bytes."""

    hash: Hash32
    kind: ErrorKind
    message: str


class TxInfo(NamedTuple):
    """What a pool needs of one transaction; the raw bytes stay beside it.

    `max_cost` is value + gas limit * max fee, in wei. Legacy transactions have
    max fee = priority fee = gas price.
    """

    hash: Hash32
    sender: Address
    nonce: int
    gas_limit: int
    max_fee: int
    priority_fee: int
    max_cost: int


@dataclass(frozen=True, slots=True)
class BlockEnv:
    """The header fields that the node decides for a block it builds."""

    number: int
    timestamp: int
    coinbase: Address
    gas_limit: int
    base_fee_per_gas: int
    prev_randao: Hash32
    extra_data: bytes = b""
    """Filled by the builder: digest of the validator set in the resulting state."""


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """How much a builder may take; what comes first stops it."""

    gas: int
    bytes: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Executed:
    """What executing a block gave.

    `receipts` are RLP consensus encodings (EIP-2718), one per transaction; `validators`
    is the set in the resulting state, or None when the contract's storage is malformed
    (the set stays); `gas_used` are per transaction, not cumulative; `created` the
    address of the contract a transaction created, else empty.
    """

    digest: Hash32
    state_root: Hash32
    receipts: tuple[bytes, ...]
    gas_used: tuple[int, ...]
    created: tuple[bytes, ...]
    validators: tuple[Address, ...] | None
    touched: tuple[tuple[Address, int, int], ...] = ()
    """(sender, nonce, balance) after the block of every sender in it."""


@dataclass(frozen=True, slots=True)
class BuiltBlock:
    """A block this node made and has executed; discard or commit it by digest."""

    block: bytes
    executed: Executed
    included: tuple[int, ...]
    """Positions in the given list that the block holds."""
    refused: tuple[tuple[int, TxError], ...]
    """Positions that can never be included as they are, and why."""


class BlockInvalid(Exception):
    """The block contradicts its execution; the message says where."""


class ExecutionTimeout(Exception):
    """The block was not executed within its time; nothing is said of its validity."""


class UnknownState(KeyError):
    """The state of this block is not held (pruned, or never committed)."""


class StateTooDistant(UnknownState):
    """It is held, but to make it would take too long; the message says so."""


class ExecutorFailed(Exception):
    """The executor itself broke (disk, a bug): the node must halt."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Call:
    """An eth_call. Fees of 0 skip the balance and base fee checks, as geth does."""

    sender: Address
    to: Address | None
    data: bytes = b""
    value: int = 0
    gas: int = 50_000_000
    gas_price: int = 0
    access_list: tuple[tuple[Address, tuple[int, ...]], ...] = ()
    authorizations: tuple[bytes, ...] = ()
    """RLP of each EIP-7702 authorization [chain id, address, nonce, y parity, r, s]."""


@dataclass(frozen=True, slots=True)
class AccountOverride:
    """State override of eth_call for one account; None leaves a field as it is."""

    balance: int | None = None
    nonce: int | None = None
    code: bytes | None = None
    state: Mapping[int, int] | None = None
    """Replaces the whole storage."""
    state_diff: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a call gave; `error` is empty on success, "revert" or a reason else."""

    output: bytes
    gas_used: int
    error: str = ""
    logs: tuple[tuple[Address, tuple[Hash32, ...], bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """eth_getProof of one account: nodes from the root downwards, RLP each."""

    balance: int
    nonce: int
    code_hash: Hash32
    storage_root: Hash32
    account_proof: tuple[bytes, ...]
    storage_proofs: tuple[tuple[int, int, tuple[bytes, ...]], ...]
    """(slot, value, nodes) in the order asked."""


class StateView(Protocol):
    """Reads of one block's state; safe beside the executor's other work."""

    def balance(self, account: Address) -> int: ...
    def nonce(self, account: Address) -> int: ...
    def code(self, account: Address) -> bytes: ...
    def slot(self, account: Address, slot: int) -> int: ...
    def accounts(self, accounts: Sequence[Address]) -> list[tuple[int, int]]:
        """(nonce, balance) of many accounts in one call."""
        ...

    def call(
        self, call: Call, env: BlockEnv, overrides: Mapping[Address, AccountOverride]
    ) -> CallResult:
        """Run a call on top of this state; nothing is kept."""
        ...

    def estimate_gas(
        self, call: Call, env: BlockEnv, overrides: Mapping[Address, AccountOverride]
    ) -> int | CallResult:
        """The smallest sufficient gas limit, or the result of the failing call."""
        ...

    def access_list(
        self, call: Call, env: BlockEnv
    ) -> tuple[CallResult, tuple[tuple[Address, tuple[int, ...]], ...]]:
        """What a call touches: (its result, [(address, slots)])."""
        ...

    def proof(self, account: Address, slots: Sequence[int]) -> Proof: ...

    def root(self, overrides: Mapping[Address, AccountOverride]) -> Hash32:
        """The state root with overrides laid over this state; an account that they
        leave without nonce, balance, code and storage is gone."""
        ...

    def followed_by(self, digests: Sequence[Hash32]) -> "StateView":
        """This state below further blocks that nobody made, the oldest first: BLOCKHASH
        tells their hashes to calls of later blocks."""
        ...

    def trace_call(
        self,
        call: Call,
        env: BlockEnv,
        overrides: Mapping[Address, AccountOverride],
        tracer: "TracerConfig",
    ) -> Any:
        """The tracer's JSON-like answer, as geth gives it."""
        ...

    def trace_block(self, block: bytes, tracer: "TracerConfig") -> list[Any]:
        """Trace the block that follows this state: one answer a transaction.

        Both traces raise ValueError for an unknown tracer or one that grows too long.
        """
        ...


@dataclass(frozen=True, slots=True)
class TracerConfig:
    """`name` is "" (struct logger), "callTracer" or TOUCH_TRACER; options as in geth.

    The last is of our own, for prestateTracer and simulations: every account and slot
    that the run named, before it and after it (node/execution/rust/src/touched.rs).
    """

    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


class Executor(Protocol):
    """See the module's docstring. `name` is "pyevm" or "native"."""

    name: str

    @property
    def head(self) -> tuple[int, Hash32]:
        """(height, digest) of the newest durable committed state; after a crash it
        may be older than the block log, and the node replays the rest."""
        ...

    def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
        """Decode, check what needs no state, and recover the senders; in order."""
        ...

    def build(
        self, parent: Header, env: BlockEnv, raws: Sequence[bytes], limits: BuildLimits
    ) -> BuiltBlock:
        """Execute what fits, skipping what is invalid, and seal a header on it.

        A transaction is judged by the state that it would run on. One without room in
        the block does not run: it is refused only for what no state mends (its form,
        its signature, a gas limit above the block's), else passed over.
        """
        ...

    def execute(self, block: bytes, time_ms: int | None = None) -> Executed:
        """Execute on its parent's committed state. Raises BlockInvalid, UnknownState.

        Idempotent: a block that is held as executed or built is not run again. An
        executor that gas alone does not hold within bounds raises ExecutionTimeout
        when the time is over.
        """
        ...

    def commit(self, digest: Hash32) -> None:
        """Make an executed block the new head. Idempotent; siblings are dropped."""
        ...

    def discard(self, digest: Hash32) -> None:
        """Forget an executed block; unknown digests are ignored."""
        ...

    def view(self, digest: Hash32) -> StateView:
        """Reads at a committed block. Raises UnknownState."""
        ...

    def close(self) -> None:
        """Flush what is committed and release the files."""
        ...
