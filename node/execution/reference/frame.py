"""What a frame of the machine holds: message, code, stack and gas.

The stack keeps integers only (py-evm's keeps both kinds and converts at each use).
Code is analysed once: padded with STOPs, so that the loop needs no bound, and with its
valid jump targets.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from eth.exceptions import FullStack, InsufficientStack, OutOfGas

from node.primitives.types import Address

STACK_LIMIT = 1_024
CACHED_CODES = 512
PUSH1, PUSH32, JUMPDEST = 0x60, 0x7F, 0x5B
PADDING = bytes(33)


class Message:
    """A message call: what a frame is asked to do, under py-evm's names.

    py-evm's own class checks the type and length of every field; these come from a
    validated transaction or from py-evm's opcodes.
    """

    __slots__ = (
        "code",
        "code_address",
        "data",
        "depth",
        "gas",
        "is_create",
        "is_delegation",
        "is_static",
        "refund",
        "sender",
        "should_transfer_value",
        "storage_address",
        "to",
        "value",
    )

    def __init__(
        self,
        gas: int,
        to: Address,
        sender: Address,
        value: int,
        data: bytes,
        code: bytes,
    ) -> None:
        """A call from the outside; `to` is empty for a creation."""
        self.gas = gas
        self.to = to
        self.sender = sender
        self.value = value
        self.data = data
        self.code = code
        self.depth = 0
        self.is_create = not to
        self.storage_address = to
        self.code_address = to
        self.should_transfer_value = True
        self.is_static = False
        self.is_delegation = False
        self.refund = 0

    @property
    def data_as_bytes(self) -> bytes:
        """The data."""
        return self.data


class Code:
    """The code of a frame and where it stands; under py-evm's names."""

    __slots__ = ("padded", "program_counter", "raw", "targets")

    def __init__(self, code: bytes) -> None:
        self.program_counter = 0
        self.raw = code
        self.padded, self.targets = analyse(code)

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[int]:
        padded = self.padded
        while True:
            at = self.program_counter
            self.program_counter = at + 1
            yield padded[at]

    def read(self, size: int) -> bytes:
        """The next bytes, fewer at the end of the code."""
        start = self.program_counter
        self.program_counter = end = start + size
        return self.raw[start:end]

    def peek(self) -> int:
        """The next opcode; STOP beyond the end."""
        at = self.program_counter
        return self.raw[at] if at < len(self.raw) else 0

    def is_valid_opcode(self, position: int) -> bool:
        """Asked by JUMP and JUMPI, of positions that hold a JUMPDEST."""
        return position in self.targets

    @contextmanager
    def seek(self, program_counter: int) -> Iterator["Code"]:
        """Read from elsewhere for a while (CODECOPY)."""
        kept = self.program_counter
        self.program_counter = program_counter
        yield self
        self.program_counter = kept


@lru_cache(CACHED_CODES)
def analyse(code: bytes) -> tuple[bytes, frozenset[int]]:
    """(code padded with STOP, positions a jump may go to)."""
    targets = []
    at = 0
    while at < len(code):
        opcode = code[at]
        if opcode == JUMPDEST:
            targets.append(at)
        elif PUSH1 <= opcode <= PUSH32:
            at += opcode - PUSH1 + 1
        at += 1
    return code + PADDING, frozenset(targets)


class GasMeter:
    """Gas of one frame; under py-evm's names."""

    __slots__ = ("gas_refunded", "gas_remaining", "start_gas")

    def __init__(self, start_gas: int) -> None:
        self.start_gas = start_gas
        self.gas_remaining = start_gas
        self.gas_refunded = 0

    def consume_gas(self, amount: int, reason: str) -> None:
        """Raises OutOfGas."""
        if amount > self.gas_remaining:
            raise OutOfGas(reason)
        self.gas_remaining -= amount

    def return_gas(self, amount: int) -> None:
        """Take back what a child left."""
        self.gas_remaining += amount

    def refund_gas(self, amount: int) -> None:
        """May be negative (EIP-2200)."""
        self.gas_refunded += amount


class Stack:
    """At most 1,024 integers; under py-evm's names."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: list[int] = []

    def push_int(self, value: int) -> None:
        """Raises FullStack."""
        if len(self.values) >= STACK_LIMIT:
            raise FullStack("the stack is full")
        self.values.append(value)

    def push_bytes(self, value: bytes) -> None:
        """Raises FullStack."""
        self.push_int(int.from_bytes(value, "big"))

    def pop1_int(self) -> int:
        """Raises InsufficientStack."""
        try:
            return self.values.pop()
        except IndexError:
            raise InsufficientStack("the stack is empty") from None

    def pop1_bytes(self) -> bytes:
        """As minimal big-endian bytes. Raises InsufficientStack."""
        return _to_bytes(self.pop1_int())

    def pop_ints(self, count: int) -> tuple[int, ...]:
        """From the top downwards. Raises InsufficientStack."""
        values = self.values
        if count > len(values):
            raise InsufficientStack(f"{len(values)} items where {count} are needed")
        taken = tuple(values[: -count - 1 : -1])
        del values[-count:]
        return taken

    def pop_bytes(self, count: int) -> tuple[bytes, ...]:
        """From the top downwards. Raises InsufficientStack."""
        return tuple(_to_bytes(value) for value in self.pop_ints(count))

    def swap(self, position: int) -> None:
        """SWAPn. Raises InsufficientStack."""
        values = self.values
        try:
            values[-1], values[-position - 1] = values[-position - 1], values[-1]
        except IndexError:
            raise InsufficientStack(f"too few items for SWAP{position}") from None

    def dup(self, position: int) -> None:
        """DUPn. Raises InsufficientStack and FullStack."""
        values = self.values
        if len(values) < position:
            raise InsufficientStack(f"too few items for DUP{position}")
        self.push_int(values[-position])


def _to_bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
