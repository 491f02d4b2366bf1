"""A bare EVM for contract tests: one py-evm state, no blocks, no fees, no signatures.

Gas costs nothing here, so that money is conserved to the wei and tests can say so; what
a call burns is still counted.
"""

from dataclasses import dataclass
from typing import Any

from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message
from eth.vm.spoof import SpoofTransaction

GAS_LIMIT = 30_000_000
COINBASE = b"\xcb" * 20
START_S = 1_750_000_000


@dataclass(frozen=True)
class Result:
    """What one transaction did. `created` is the address of a created contract."""

    success: bool
    output: bytes
    gas_used: int
    logs: tuple[tuple[bytes, tuple[bytes, ...], bytes], ...]
    created: bytes


class Evm:
    """Transactions run one by one, at a time that the test sets."""

    def __init__(
        self,
        records: dict[bytes, bytes] | None = None,
        root: bytes = BLANK_ROOT_HASH,
        now_s: int = START_S,
    ) -> None:
        self._records = {} if records is None else records
        self._now_s = now_s
        database = AtomicDB(MemoryDB(self._records))
        self._state = PragueState(database, self._context(), root)

    @property
    def now_s(self) -> int:
        return self._now_s

    @now_s.setter
    def now_s(self, now_s: int) -> None:
        self._now_s = now_s
        self._state.execution_context = self._context()

    def copy(self) -> "Evm":
        """An independent copy of everything, time included."""
        self._state.persist()
        return Evm(dict(self._records), self._state.state_root, self._now_s)

    def balance(self, account: bytes) -> int:
        return int(self._state.get_balance(account))

    def fund(self, account: bytes, amount: int) -> None:
        self._state.delta_balance(account, amount)

    def transact(
        self,
        sender: bytes,
        to: bytes,
        data: bytes = b"",
        value: int = 0,
        gas: int = GAS_LIMIT,
    ) -> Result:
        """Run one transaction; an empty `to` creates a contract."""
        unsigned = PragueVM.create_unsigned_transaction(
            nonce=self._state.get_nonce(sender),
            gas_price=0,
            gas=gas,
            to=to or CREATE_CONTRACT_ADDRESS,
            value=value,
            data=data,
        )
        # A sender in place of a signature; fees are named because London's rules ask.
        transaction = SpoofTransaction(
            unsigned, from_=sender, max_fee_per_gas=0, max_priority_fee_per_gas=0
        )
        computation = self._state.apply_transaction(transaction)
        self._state.lock_changes()
        return Result(
            success=computation.is_success,
            output=computation.output,
            gas_used=_charged(transaction, computation),
            logs=tuple(
                (address, tuple(t.to_bytes(32, "big") for t in topics), payload)
                for address, topics, payload in computation.get_log_entries()
            ),
            created=computation.msg.storage_address,
        )

    def call(self, to: bytes, data: bytes) -> tuple[bool, bytes]:
        """Whether a view succeeds, and what it returns or reverts with."""
        snapshot = self._state.snapshot()
        computation = self._state.computation_class.apply_message(
            self._state,
            Message(
                gas=GAS_LIMIT,
                to=to,
                sender=COINBASE,
                value=0,
                data=data,
                code=self._state.get_code(to),
                is_static=True,
            ),
            self._state.transaction_context_class(gas_price=0, origin=COINBASE),
        )
        self._state.revert(snapshot)
        return computation.is_success, bytes(computation.output)

    def _context(self) -> ExecutionContext:
        return ExecutionContext(
            coinbase=COINBASE,
            timestamp=self._now_s,
            block_number=1,
            difficulty=0,
            mix_hash=bytes(32),
            gas_limit=GAS_LIMIT,
            prev_hashes=(),
            chain_id=7001,
            base_fee_per_gas=0,
            excess_blob_gas=0,
        )


def _charged(transaction: Any, computation: Any) -> int:
    """Gas as a receipt would state it: refunds taken off, the EIP-7623 floor kept."""
    spent = transaction.gas - computation.get_gas_remaining()
    spent -= min(computation.get_gas_refund(), spent // 5)
    zeros = transaction.data.count(0)
    tokens = zeros + 4 * (len(transaction.data) - zeros)
    return max(int(spent), 21_000 + 10 * tokens)
