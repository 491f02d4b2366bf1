"""The table of opcodes: py-evm's of Prague, all 256 entries filled.

The logic is py-evm's, except of what moves words between code and stack and of jumps:
these are three quarters of all steps of a contract, and here they work on the lists
directly. CREATE and CREATE2 look at the size of initcode before anything else, as
EIP-3860 has it; SELFDESTRUCT comes without py-evm's warning that it is deprecated.
"""

from collections.abc import Callable
from typing import Any

from eth import constants
from eth.abc import OpcodeAPI
from eth.exceptions import (
    FullStack,
    InsufficientStack,
    InvalidJumpDestination,
    OutOfGas,
)
from eth.vm import mnemonics
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.forks.shanghai.logic import Create2EIP3860, CreateEIP3860
from eth.vm.logic.invalid import InvalidOpcode
from eth.vm.logic.system import CreateOpcodeStackData
from eth.vm.opcode import _FastOpcode

from node.execution.reference.frame import STACK_LIMIT
from node.execution.validation import MAX_INITCODE_BYTES

Opcode = Callable[[Any], None]
POP, JUMP, JUMPI, JUMPDEST, PUSH0, DUP1, SWAP1 = (
    0x50,
    0x56,
    0x57,
    0x5B,
    0x5F,
    0x80,
    0x90,
)
CREATE, CREATE2 = 0xF0, 0xF5
GAS_BASE, GAS_VERY_LOW, GAS_MID, GAS_HIGH, GAS_JUMPDEST = 2, 3, 8, 10, 1


def _charged(logic: Opcode, gas: int) -> Opcode:
    """An opcode of constant cost."""

    def run(frame: Any) -> None:
        meter = frame._gas_meter
        left = meter.gas_remaining - gas
        if left < 0:
            raise OutOfGas("out of gas")
        meter.gas_remaining = left
        logic(frame)

    return run


def _push(size: int) -> Opcode:
    gas = GAS_VERY_LOW if size else GAS_BASE

    def push(frame: Any) -> None:
        meter = frame._gas_meter
        left = meter.gas_remaining - gas
        if left < 0:
            raise OutOfGas("PUSH")
        meter.gas_remaining = left
        values = frame._stack.values
        if len(values) >= STACK_LIMIT:
            raise FullStack("PUSH")
        code = frame.code
        at = code.program_counter
        code.program_counter = end = at + size
        values.append(int.from_bytes(code.padded[at:end], "big"))

    return push


def _dup(position: int) -> Opcode:
    def dup(frame: Any) -> None:
        values = frame._stack.values
        if len(values) < position:
            raise InsufficientStack("DUP")
        if len(values) >= STACK_LIMIT:
            raise FullStack("DUP")
        values.append(values[-position])

    return _charged(dup, GAS_VERY_LOW)


def _swap(position: int) -> Opcode:
    other = -position - 1

    def swap(frame: Any) -> None:
        values = frame._stack.values
        if len(values) <= position:
            raise InsufficientStack("SWAP")
        values[-1], values[other] = values[other], values[-1]

    return _charged(swap, GAS_VERY_LOW)


def _pop(frame: Any) -> None:
    values = frame._stack.values
    if not values:
        raise InsufficientStack("POP")
    values.pop()


def _jump(frame: Any) -> None:
    values = frame._stack.values
    if not values:
        raise InsufficientStack("JUMP")
    _go(frame.code, values.pop())


def _jumpi(frame: Any) -> None:
    values = frame._stack.values
    if len(values) < 2:
        raise InsufficientStack("JUMPI")
    target = values.pop()
    if values.pop():
        _go(frame.code, target)


def _go(code: Any, target: int) -> None:
    if target not in code.targets:
        raise InvalidJumpDestination("no JUMPDEST")
    code.program_counter = target


def _nothing(frame: Any) -> None:
    """JUMPDEST."""


def _check_initcode(data: CreateOpcodeStackData) -> None:
    if data.memory_length > MAX_INITCODE_BYTES:
        raise OutOfGas("initcode is too large")


class Create(CreateEIP3860):
    """CREATE."""

    mnemonic = mnemonics.CREATE
    gas_cost = constants.GAS_CREATE

    def get_gas_cost(self, data: CreateOpcodeStackData) -> int:
        _check_initcode(data)
        return int(super().get_gas_cost(data))


class Create2(Create2EIP3860):
    """CREATE2."""

    mnemonic = mnemonics.CREATE2
    gas_cost = constants.GAS_CREATE

    def get_gas_cost(self, data: CreateOpcodeStackData) -> int:
        _check_initcode(data)
        return int(super().get_gas_cost(data))


def _table() -> list[Opcode]:
    table: list[Opcode] = [InvalidOpcode(value) for value in range(256)]
    for value, entry in PRAGUE_OPCODES.items():
        opcode = getattr(entry, "__wrapped__", entry)
        if isinstance(opcode, _FastOpcode):
            opcode = _charged(opcode.logic_fn, opcode.gas_cost)
        elif isinstance(opcode, OpcodeAPI):
            opcode = opcode.__call__  # a method: Python calls it without C between
        table[value] = opcode
    for size in range(33):
        table[PUSH0 + size] = _push(size)
    for position in range(1, 17):
        table[DUP1 + position - 1] = _dup(position)
        table[SWAP1 + position - 1] = _swap(position)
    table[POP] = _charged(_pop, GAS_BASE)
    table[JUMP] = _charged(_jump, GAS_MID)
    table[JUMPI] = _charged(_jumpi, GAS_HIGH)
    table[JUMPDEST] = _charged(_nothing, GAS_JUMPDEST)
    table[CREATE] = Create().__call__
    table[CREATE2] = Create2().__call__
    return table


OPCODES = _table()
