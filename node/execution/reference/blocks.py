"""One block on a world: system calls, transactions, receipts, roots.

The same `Execution` serves a proposer, who learns which transactions fit, and a
validator, for whom one that does not makes the block invalid.
Sources: EIP-4788, 2935, 7002, 7251; execution-specs (Prague) for their order.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from eth.vm.forks.cancun.transaction_context import CancunTransactionContext

from node.chain.header import PARENT_BEACON_BLOCK_ROOT, Header
from node.chain.receipt import BLOOM_BYTES, Receipt, bloom_bits, encode_receipt
from node.chain.validator_contract import VALIDATOR_CONTRACT, read_validators
from node.chain.validators import ValidatorSet
from node.execution.executor import (
    BlockEnv,
    ErrorKind,
    Executed,
    ExecutionTimeout,
    ExecutorFailed,
)
from node.execution.reference.frame import Message
from node.execution.reference.machine import (
    DEEP_RECURSION,
    ReferenceComputation,
    TimeLimit,
)
from node.execution.reference.runner import Outcome, run_transaction
from node.execution.reference.state import BlockContext, ReferenceState
from node.execution.reference.store import StateStore
from node.execution.reference.world import Sealed, World
from node.execution.validation import (
    Admitted,
    TransactionError,
    validate_for_block,
    validate_stateful,
)
from node.primitives.keccak import keccak256
from node.primitives.trie import list_root
from node.primitives.types import Address, Hash32

SYSTEM_ADDRESS = Address(b"\xff" * 19 + b"\xfe")
SYSTEM_GAS = 30_000_000
BEACON_ROOTS = Address(bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02"))
HISTORY = Address(bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935"))
WITHDRAWALS = Address(bytes.fromhex("00000961ef480eb55e80d19ad83579a64c007002"))
CONSOLIDATIONS = Address(bytes.fromhex("0000bbddc7ce488642fb579f8b00f3a590007251"))


class Roots(NamedTuple):
    """What the header of an executed block says about its execution."""

    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    gas_used: int
    extra_data: bytes


@dataclass
class Execution:
    """A block in the making on the world of its parent."""

    world: World
    context: BlockContext
    parent_hash: Hash32
    raws: list[bytes] = field(default_factory=list)
    receipts: list[bytes] = field(default_factory=list)
    gas_used: list[int] = field(default_factory=list)
    created: list[bytes] = field(default_factory=list)
    senders: dict[Address, None] = field(default_factory=dict)
    total_gas: int = 0
    bloom: int = 0

    def __post_init__(self) -> None:
        self.state = ReferenceState(self.world, self.context)
        self._system_call(BEACON_ROOTS, PARENT_BEACON_BLOCK_ROOT)
        self._system_call(HISTORY, self.parent_hash)

    def validate_for_block(self, admitted: Admitted) -> None:
        """The rules that need this block but not its state. Raises TransactionError."""
        context = self.context
        validate_for_block(admitted.tx, context.base_fee_per_gas, context.gas_limit)

    def validate(self, admitted: Admitted) -> None:
        """Those and the rules that need this state. Raises TransactionError."""
        account = self.world.get(admitted.sender)
        code = b"" if admitted.is_impersonated else self.world.code(admitted.sender)
        validate_stateful(
            admitted.tx,
            (account.nonce, account.balance, code),
            self.context.base_fee_per_gas,
            self.context.gas_limit,
        )

    def has_room(self, admitted: Admitted) -> bool:
        """Whether its gas limit fits into what the block has left."""
        return self.total_gas + admitted.tx.gas_limit <= self.context.gas_limit

    def run(self, raw: bytes, admitted: Admitted) -> Outcome:
        """Execute a transaction that `validate` and `has_room` let pass."""
        outcome = run_transaction(self.state, admitted)
        self.total_gas += outcome.gas_used
        self.raws.append(raw)
        bloom = bloom_bits(outcome.logs)
        self.bloom |= bloom
        receipt = Receipt(
            type=admitted.tx.type,
            succeeded=not outcome.error,
            cumulative_gas=self.total_gas,
            bloom=bloom.to_bytes(BLOOM_BYTES, "big"),
            logs=outcome.logs,
        )
        self.receipts.append(encode_receipt(receipt))
        self.gas_used.append(outcome.gas_used)
        self.created.append(outcome.created)
        self.senders[admitted.sender] = None
        return outcome

    @contextmanager
    def until(self, end: float) -> Iterator[None]:
        """Gives up what runs longer, with ExecutionTimeout."""
        self.state.deadline = end
        try:
            yield
        except TimeLimit:
            raise ExecutionTimeout(
                f"block {self.context.block_number} runs longer than a proposal may"
            ) from None
        finally:
            self.state.deadline = inf

    def try_run(self, raw: bytes, admitted: Admitted, time_s: float) -> None:
        """`run` for a proposer: whatever goes wrong, the block goes on without it.

        Raises TransactionError (UNBUILDABLE) when it takes longer than it may or the
        machine breaks on it.
        """
        self.state.deadline = time.monotonic() + time_s
        try:
            self.run(raw, admitted)
        except TimeLimit:
            self.world.abandon_transaction()
            raise TransactionError(
                ErrorKind.UNBUILDABLE, f"ran longer than {time_s:.1f} s"
            ) from None
        except Exception as error:  # one transaction must never stop a height
            self.world.abandon_transaction()
            raise TransactionError(
                ErrorKind.UNBUILDABLE, f"{type(error).__name__}: {error}"
            ) from error
        finally:
            self.state.deadline = inf

    def finish(self, parent_extra: bytes) -> tuple[Roots, Sealed, "Finished"]:
        """The closing system calls, and the roots."""
        self._system_call(WITHDRAWALS, b"")
        self._system_call(CONSOLIDATIONS, b"")
        sealed = self.world.seal()
        validators = read_validators(
            lambda slot: self.world.slot(VALIDATOR_CONTRACT, slot)
        )
        extra = ValidatorSet(validators).digest if validators else parent_extra
        roots = Roots(
            sealed.root,
            list_root(self.raws),
            list_root(self.receipts),
            self.bloom.to_bytes(BLOOM_BYTES, "big"),
            self.total_gas,
            extra,
        )
        return roots, sealed, Finished(validators, self._touched())

    def _touched(self) -> tuple[tuple[Address, int, int], ...]:
        accounts = [(at, self.world.get(at)) for at in self.senders]
        return tuple((at, a.nonce, a.balance) for at, a in accounts)

    def _system_call(self, at: Address, data: bytes) -> None:
        code = self.world.code(at)
        if not code:
            return
        message = Message(SYSTEM_GAS, at, SYSTEM_ADDRESS, 0, data, code)
        context = CancunTransactionContext(gas_price=0, origin=SYSTEM_ADDRESS)
        with DEEP_RECURSION:
            frame = ReferenceComputation.apply_message(self.state, message, context)
        if frame.is_error:
            raise ExecutorFailed(
                f"the system contract 0x{at.hex()} failed: {frame.error!r}; "
                "its code in the genesis is not the one of its EIP"
            )
        self.world.end_transaction()


class Finished(NamedTuple):
    """What the resulting state says."""

    validators: tuple[Address, ...] | None
    touched: tuple[tuple[Address, int, int], ...]


def context_of(env: BlockEnv, chain_id: int, store: StateStore) -> BlockContext:
    """What opcodes see of a block after the committed ones."""

    def ancestor(height: int) -> bytes:
        try:
            return store.digest_at(height)
        except KeyError:
            return b""

    return BlockContext(
        coinbase=env.coinbase,
        timestamp=env.timestamp,
        block_number=env.number,
        gas_limit=env.gas_limit,
        base_fee_per_gas=env.base_fee_per_gas,
        mix_hash=env.prev_randao,
        chain_id=chain_id,
        ancestor=ancestor,
    )


def env_of(header: Header) -> BlockEnv:
    """What a header says about its block's environment."""
    return BlockEnv(
        header.number,
        header.timestamp,
        header.coinbase,
        header.gas_limit,
        header.base_fee_per_gas,
        header.prev_randao,
    )


def executed_of(
    digest: Hash32, root: Hash32, execution: Execution, finished: Finished
) -> Executed:
    """The result in the protocol's form."""
    return Executed(
        digest=digest,
        state_root=root,
        receipts=tuple(execution.receipts),
        gas_used=tuple(execution.gas_used),
        created=tuple(execution.created),
        validators=finished.validators,
        touched=finished.touched,
    )


def differences(roots: Roots, claimed: Sequence[object]) -> str:
    """Which of a header's claims do not hold; empty when all do."""
    return ", ".join(
        f"{name.replace('_', ' ')} is {_show(actual)}, not {_show(claim)}"
        for name, actual, claim in zip(Roots._fields, roots, claimed, strict=True)
        if actual != claim
    )


def _show(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return (
        "0x" + value.hex()
        if len(value) <= 32
        else f"of hash 0x{keccak256(value).hex()}"
    )
