"""The fast executor: `chandlery_native` (Rust) behind the executor's protocol.

Only types change here: Python passes bytes in, tuples come back, and all work between
is done without the interpreter's lock. The distribution is built from
`node/execution/rust`; a node without it runs on py-evm. Numbers of a call that are
wider than their field (gas 64 bits, gas price 128) are refused with ValueError.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import chandlery_native

from node.chain.genesis import Genesis
from node.chain.header import Header
from node.execution.executor import (
    AccountOverride,
    BlockEnv,
    BlockInvalid,
    BuildLimits,
    BuiltBlock,
    Call,
    CallResult,
    ErrorKind,
    Executed,
    ExecutorFailed,
    Proof,
    StateTooDistant,
    TracerConfig,
    TxError,
    TxInfo,
    UnknownState,
)
from node.execution.settings import StateSettings
from node.primitives.types import Address, Hash32

MAX_WORD = 2**256 - 1


class TraceError(ValueError):
    """The tracer is unknown, or the call cannot begin; says what to do."""


class NativeExecutor:
    """See `node.execution.executor.Executor`."""

    name = "native"

    def __init__(
        self,
        directory: Path | None,
        genesis: Genesis,
        settings: StateSettings | None = None,
    ) -> None:
        """Open the state in a directory, or begin it; None keeps it in memory.

        Raises ExecutorFailed: the directory is another chain's, in use, or damaged.
        """
        chosen = settings or StateSettings()
        try:
            self._native = chandlery_native.Executor(
                directory,
                json.dumps(genesis.to_json()).encode(),
                genesis.header.encoded,
                window=chosen.window_blocks,
                archive=chosen.archive,
                checkpoint_blocks=chosen.checkpoint_blocks,
                memory_bytes=chosen.memory_bytes,
                threads=chosen.threads,
            )
        except (chandlery_native.Usage, chandlery_native.Broken) as error:
            raise ExecutorFailed(str(error)) from error

    @property
    def head(self) -> tuple[int, Hash32]:
        """See Executor: what would survive a crash now."""
        height, digest = self._native.durable
        return height, digest

    @property
    def committed(self) -> tuple[int, Hash32]:
        """(height, digest) of the newest committed block."""
        height, digest = self._native.committed
        return height, digest

    @property
    def memory(self) -> tuple[int, int]:
        """(bytes of the state in memory, pages read from disk so far)."""
        resident_bytes, loads = self._native.memory
        return resident_bytes, loads

    def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
        """See Executor."""
        found = self._native.recover(raws)
        make = TxInfo._make
        return [make(item) if len(item) > 3 else _error(item) for item in found]

    def build(
        self, parent: Header, env: BlockEnv, raws: Sequence[bytes], limits: BuildLimits
    ) -> BuiltBlock:
        """See Executor. Gas bounds how long one transaction runs; the time limit ends
        the block after the transaction that passed it."""
        amounts = (limits.gas, limits.bytes, limits.time_ms)
        try:
            block, executed, included, refused = self._native.build(
                parent.encoded, _env(env), raws, amounts
            )
        except chandlery_native.Unknown as error:
            raise UnknownState(str(error)) from error
        except (chandlery_native.Broken, chandlery_native.Usage) as error:
            raise ExecutorFailed(str(error)) from error
        refusals = tuple((position, _error(item)) for position, item in refused)
        return BuiltBlock(block, _executed(executed), tuple(included), refusals)

    def execute(self, block: bytes, time_ms: int | None = None) -> Executed:
        """See Executor. Gas bounds how long a block runs."""
        try:
            return _executed(self._native.execute(block))
        except chandlery_native.Invalid as error:
            raise BlockInvalid(str(error)) from error
        except chandlery_native.Unknown as error:
            raise UnknownState(str(error)) from error
        except chandlery_native.Broken as error:
            raise ExecutorFailed(str(error)) from error

    def commit(self, digest: Hash32) -> None:
        """See Executor. Raises UnknownState for a block that is not held."""
        try:
            self._native.commit(digest)
        except chandlery_native.Unknown as error:
            raise UnknownState(str(error)) from error
        except chandlery_native.Broken as error:
            raise ExecutorFailed(str(error)) from error

    def discard(self, digest: Hash32) -> None:
        """See Executor."""
        self._native.discard(digest)

    def view(self, digest: Hash32) -> "NativeView":
        """See Executor. Going back beyond the newest states takes time that follows
        what the blocks since then changed: StateTooDistant."""
        try:
            return NativeView(self._native.view(digest))
        except chandlery_native.Distant as error:
            raise StateTooDistant(str(error)) from error
        except chandlery_native.Unknown as error:
            raise UnknownState(str(error)) from error
        except chandlery_native.Broken as error:
            raise ExecutorFailed(str(error)) from error

    def flush(self) -> None:
        """Make everything committed durable. Raises ExecutorFailed."""
        try:
            self._native.flush()
        except chandlery_native.Broken as error:
            raise ExecutorFailed(str(error)) from error

    def close(self) -> None:
        """See Executor."""
        try:
            self._native.close()
        except chandlery_native.Broken as error:
            raise ExecutorFailed(str(error)) from error


class NativeView:
    """See `node.execution.executor.StateView`."""

    def __init__(self, native: Any) -> None:
        self._native = native

    def balance(self, account: Address) -> int:
        """In wei."""
        return int(self._native.balance(account))

    def nonce(self, account: Address) -> int:
        """The next nonce of the account."""
        return int(self._native.nonce(account))

    def code(self, account: Address) -> bytes:
        """Empty when there is none."""
        return bytes(self._native.code(account))

    def slot(self, account: Address, slot: int) -> int:
        """A word of storage."""
        return int(self._native.slot(account, slot))

    def accounts(self, accounts: Sequence[Address]) -> list[tuple[int, int]]:
        """(nonce, balance) of each."""
        found: list[tuple[int, int]] = self._native.accounts(accounts)
        return found

    def call(
        self, call: Call, env: BlockEnv, overrides: Mapping[Address, AccountOverride]
    ) -> CallResult:
        """See StateView."""
        try:
            found = self._native.call(
                _call(call), _env(env), native_overrides(overrides)
            )
        except chandlery_native.Usage as error:
            return CallResult(b"", 0, str(error))
        return _result(found)

    def estimate_gas(
        self, call: Call, env: BlockEnv, overrides: Mapping[Address, AccountOverride]
    ) -> int | CallResult:
        """See StateView."""
        try:
            gas, failed = self._native.estimate_gas(
                _call(call), _env(env), native_overrides(overrides)
            )
        except chandlery_native.Usage as error:
            return CallResult(b"", 0, str(error))
        return int(gas) if failed is None else _result(failed)

    def access_list(
        self, call: Call, env: BlockEnv
    ) -> tuple[CallResult, tuple[tuple[Address, tuple[int, ...]], ...]]:
        """See StateView."""
        try:
            found, items = self._native.access_list(_call(call), _env(env))
        except chandlery_native.Usage as error:
            return CallResult(b"", 0, str(error)), ()
        return _result(found), tuple((at, tuple(slots)) for at, slots in items)

    def proof(self, account: Address, slots: Sequence[int]) -> Proof:
        """See StateView."""
        balance, nonce, code_hash, root, nodes, storage = self._native.proof(
            account, slots
        )
        proofs = tuple((slot, value, tuple(path)) for slot, value, path in storage)
        return Proof(balance, nonce, code_hash, root, tuple(nodes), proofs)

    def root(self, overrides: Mapping[Address, AccountOverride]) -> Hash32:
        """See StateView."""
        return Hash32(self._native.root(native_overrides(overrides)))

    def followed_by(self, digests: Sequence[Hash32]) -> "NativeView":
        """See StateView."""
        return NativeView(self._native.followed_by(list(digests)))

    def trace_call(
        self,
        call: Call,
        env: BlockEnv,
        overrides: Mapping[Address, AccountOverride],
        tracer: TracerConfig,
    ) -> Any:
        """See StateView. Raises TraceError."""
        try:
            text = self._native.trace_call(
                _call(call), _env(env), native_overrides(overrides), _tracer(tracer)
            )
        except chandlery_native.Usage as error:
            raise TraceError(str(error)) from error
        return json.loads(text)

    def trace_block(self, block: bytes, tracer: TracerConfig) -> list[Any]:
        """See StateView. Raises TraceError and BlockInvalid."""
        try:
            texts = self._native.trace_block(block, _tracer(tracer))
        except chandlery_native.Usage as error:
            raise TraceError(str(error)) from error
        except chandlery_native.Invalid as error:
            raise BlockInvalid(str(error)) from error
        return [json.loads(text) for text in texts]


def _error(item: tuple[Hash32, str, str]) -> TxError:
    digest, kind, message = item
    return TxError(digest, ErrorKind(kind), message)


def _env(env: BlockEnv) -> tuple[int, int, bytes, int, int, bytes]:
    return (
        env.number,
        env.timestamp,
        env.coinbase,
        env.gas_limit,
        env.base_fee_per_gas,
        env.prev_randao,
    )


def _executed(item: tuple[Any, ...]) -> Executed:
    digest, root, receipts, gas_used, created, validators, touched = item
    return Executed(
        digest=digest,
        state_root=root,
        receipts=tuple(receipts),
        gas_used=tuple(gas_used),
        created=tuple(created),
        validators=None if validators is None else tuple(validators),
        touched=tuple(touched),
    )


def _call(call: Call) -> tuple[Any, ...]:
    if not 0 <= call.value <= MAX_WORD:
        raise ValueError("the value of a call has at most 256 bits")
    return (
        call.sender,
        call.to,
        call.data,
        call.value,
        call.gas,
        call.gas_price,
        [(at, list(slots)) for at, slots in call.access_list],
        list(call.authorizations),
    )


def native_overrides(
    overrides: Mapping[Address, AccountOverride],
) -> list[tuple[Any, ...]]:
    """Overrides of accounts as the native package takes them."""
    return [
        (
            at,
            change.balance,
            change.nonce,
            change.code,
            None if change.state is None else list(change.state.items()),
            list(change.state_diff.items()),
        )
        for at, change in overrides.items()
    ]


def _result(item: tuple[bytes, int, str, list[Any]]) -> CallResult:
    output, gas_used, error, logs = item
    found = tuple((at, tuple(topics), data) for at, topics, data in logs)
    return CallResult(output, gas_used, error, found)


def _tracer(tracer: TracerConfig) -> tuple[str, str]:
    return tracer.name, json.dumps(dict(tracer.options))
