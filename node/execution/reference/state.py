"""py-evm's view of the world: its state object over `World`.

py-evm's opcodes read and write through these few methods; the checks of types and
lengths that its own classes make at every step are left out, because all callers
are py-evm itself and `node.execution.validation`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from eth.vm.forks.prague.state import PragueState

from node.execution.reference.world import EMPTY_CODE_HASH, World
from node.primitives.types import Address, Hash32

MAX_ANCESTORS = 256
MAX_WORD = 2**256 - 1
"""More ether than there can be, but for a dev chain: there SELFDESTRUCT wraps around, a
transfer fails, and what is paid for gas is lost, as on the other executor."""


@dataclass(slots=True)
class BlockContext:
    """What opcodes ask of the block, under py-evm's names."""

    coinbase: Address
    timestamp: int
    block_number: int
    gas_limit: int
    base_fee_per_gas: int
    mix_hash: Hash32
    chain_id: int
    ancestor: Callable[[int], bytes]
    """The block hash at a height; empty when it is not known."""
    difficulty: int = 0
    excess_blob_gas: int = 0


class ReferenceState(PragueState):
    """State of one block in the making."""

    def __init__(self, world: World, context: BlockContext) -> None:
        self.world = world
        self.execution_context = context
        self.deadline = inf
        """Where `time.monotonic` ends a call (`machine.TimeLimit`)."""

    def get_ancestor_hash(self, block_number: int) -> Hash32:
        depth = self.execution_context.block_number - block_number
        if not 1 <= depth <= MAX_ANCESTORS or block_number < 0:
            return Hash32(b"")
        return Hash32(self.execution_context.ancestor(block_number))

    # -- storage

    def get_storage(
        self, address: Address, slot: int, from_journal: bool = True
    ) -> int:
        if from_journal:
            return self.world.slot(address, slot)
        return self.world.original_slot(address, slot)

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        self.world.set_slot(address, slot, value)

    def delete_storage(self, address: Address) -> None:
        self.world.wipe(address)

    def get_transient_storage(self, address: Address, slot: int) -> bytes:
        return self.world.transient.get((address, slot), b"")

    def set_transient_storage(self, address: Address, slot: int, value: bytes) -> None:
        self.world.put(self.world.transient, (address, slot), value)

    # -- accounts

    def get_balance(self, address: Address) -> int:
        return self.world.get(address).balance

    def set_balance(self, address: Address, balance: int) -> None:
        self.world.set_balance(address, balance)

    def delta_balance(self, address: Address, delta: int) -> None:
        balance = self.world.get(address).balance + delta
        self.world.set_balance(address, balance & MAX_WORD)

    def get_nonce(self, address: Address) -> int:
        return self.world.get(address).nonce

    def set_nonce(self, address: Address, nonce: int) -> None:
        self.world.set_nonce(address, nonce)

    def increment_nonce(self, address: Address) -> None:
        self.world.set_nonce(address, self.world.get(address).nonce + 1)

    def get_code(self, address: Address) -> bytes:
        return self.world.code(address)

    def set_code(self, address: Address, code: bytes) -> None:
        self.world.set_code(address, code)

    def get_code_hash(self, address: Address) -> Hash32:
        return self.world.get(address).code_hash

    def delete_code(self, address: Address) -> None:
        self.world.set_code(address, b"")

    def delete_account(self, address: Address) -> None:
        self.world.delete(address)

    def has_code_or_nonce(self, address: Address) -> bool:
        account = self.world.get(address)
        return account.nonce != 0 or account.code_hash != EMPTY_CODE_HASH

    def account_exists(self, address: Address) -> bool:
        return self.world.find(address) is not None

    def touch_account(self, address: Address) -> None:
        self.world.set(address, self.world.get(address))

    def account_is_empty(self, address: Address) -> bool:
        return self.world.get(address).is_empty

    # -- what a transaction has accessed (EIP-2929)

    def is_address_warm(self, address: Address) -> bool:
        return (
            address in self.world.warm
            or address in self.computation_class.get_precompiles()
        )

    def mark_address_warm(self, address: Address) -> None:
        if address not in self.world.warm:
            self.world.put(self.world.warm, address, True)

    def is_storage_warm(self, address: Address, slot: int) -> bool:
        return (address, slot) in self.world.warm

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        if (address, slot) not in self.world.warm:
            self.world.put(self.world.warm, (address, slot), True)

    # -- snapshots

    def snapshot(self) -> int:
        return self.world.snapshot()

    def revert(self, snapshot: int) -> None:
        self.world.revert(snapshot)

    def commit(self, snapshot: int) -> None:
        """Nothing to do: what is not reverted stays."""
