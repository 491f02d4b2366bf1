"""Accounts that are contracts: they refuse money, re-enter, burn gas or shout back."""

from copy import copy
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import vyper
from eth_abi.abi import decode, encode
from eth_hash.auto import keccak

from tests.shop_contract.evm import Evm, Result


class Mode(IntEnum):
    ACCEPT = 0
    REFUSE = 1
    REENTER = 2
    BURN = 3
    SHOUT = 4


@cache
def _bytecode() -> bytes:
    source = (Path(__file__).parent / "Hostile.vy").read_text()
    output: Any = vyper.compile_code(source, output_formats=["bytecode"])
    return bytes.fromhex(output["bytecode"].removeprefix("0x"))


def _call(signature: str, *arguments: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1]
    selector = keccak(signature.encode())[:4]
    return selector + encode(types.split(",") if types else [], arguments)


class Hostile:
    """One such account, at `address`, steered by the account `puppeteer`."""

    def __init__(self, evm: Evm, puppeteer: bytes) -> None:
        self._evm = evm
        self._puppeteer = puppeteer
        self.address = evm.transact(puppeteer, b"", _bytecode()).created

    def on(self, evm: Evm) -> "Hostile":
        """The same account in a copy of its EVM."""
        twin = copy(self)
        twin._evm = evm
        return twin

    def run(self, target: bytes, data: bytes, value: int = 0) -> Result:
        """Let it call the target; value comes from the puppeteer."""
        call = _call("run(address,bytes)", target, data)
        result = self._evm.transact(self._puppeteer, self.address, call, value)
        if not result.success:
            return result
        (output,) = decode(["bytes"], result.output)
        return Result(True, output, result.gas_used, result.logs, b"")

    def arm(
        self,
        mode: Mode,
        target: bytes = bytes(20),
        payload: bytes = b"",
        money: int = 0,
    ) -> None:
        signature = "arm(uint256,address,bytes,uint256)"
        call = _call(signature, int(mode), target, payload, money)
        assert self._evm.transact(self._puppeteer, self.address, call).success

    def reentered(self) -> tuple[int, int]:
        """How often it called back while being paid, and how often that succeeded."""
        return self._number("reentered()"), self._number("succeeded()")

    def answer(self) -> bytes:
        """What the last such call was answered with."""
        _, output = self._evm.call(self.address, _call("answer()"))
        (answer,) = decode(["bytes"], output)
        return bytes(answer)

    def _number(self, signature: str) -> int:
        _, output = self._evm.call(self.address, _call(signature))
        return int.from_bytes(output, "big")
