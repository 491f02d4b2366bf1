"""The table of opcodes: py-evm's of Prague, all 256 entries filled.

CREATE and CREATE2 look at the size of initcode before anything else, as EIP-3860 has
it; SELFDESTRUCT comes without py-evm's warning that it is deprecated.
"""

from collections.abc import Callable
from typing import Any

from eth import constants
from eth.exceptions import OutOfGas
from eth.vm import mnemonics
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.forks.shanghai.logic import Create2EIP3860, CreateEIP3860
from eth.vm.logic.invalid import InvalidOpcode
from eth.vm.logic.system import CreateOpcodeStackData

from node.execution.validation import MAX_INITCODE_BYTES

Opcode = Callable[[Any], None]
CREATE, CREATE2 = 0xF0, 0xF5


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
    for value, opcode in PRAGUE_OPCODES.items():
        table[value] = getattr(opcode, "__wrapped__", opcode)
    table[CREATE] = Create()
    table[CREATE2] = Create2()
    return table


OPCODES = _table()
