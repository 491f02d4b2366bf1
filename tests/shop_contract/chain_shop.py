"""The deployed contract in a bare EVM, as a backend of the conformance adapter.

Every account starts with the same round sum, so that a test can account for every wei.
"""

import os
from copy import copy
from functools import cache
from pathlib import Path

from eth_hash.auto import keccak

from shop_contract.artifact import load_artifact
from shop_contract.conformance import ContractAdapter, Sent
from shop_contract.conformance.runner import take_opening
from tests.shop_contract.evm import START_S, Evm, Result
from tests.shop_contract.hostile import Hostile

PURSE = 10**36
# Another contract's code to put under test, as hexadecimal: see mutants.py.
BYTECODE_FILE = os.environ.get("SHOP_BYTECODE_FILE")


def address_of(account: str) -> bytes:
    return keccak(account.encode())[-20:]


@cache
def bytecode_under_test() -> bytes:
    """The artifact's, unless the environment names another."""
    if BYTECODE_FILE is None:
        return load_artifact().bytecode
    return bytes.fromhex(Path(BYTECODE_FILE).read_text().strip())


@cache
def _deployed(bytecode: bytes) -> tuple[Evm, bytes]:
    evm = Evm(now_s=START_S)
    created = evm.transact(address_of("owner"), b"", bytecode)
    assert created.success, created.output
    return evm, created.created


@cache
def _opened(bytecode: bytes) -> "HostileShop":
    shop = HostileShop()
    take_opening(ContractAdapter(shop))
    return shop


def opened_shop() -> "HostileShop":
    """A shop as every vector finds it; opened once, then copied."""
    return _opened(bytecode_under_test()).copy()


class EvmShop:
    """A fresh, empty shop owned by the account "owner"; implements ContractBackend."""

    def __init__(self) -> None:
        evm, self.shop = _deployed(bytecode_under_test())
        self.evm = evm.copy()
        self.funded: dict[str, int] = {}
        self.gas: list[int] = []

    def address(self, account: str) -> bytes:
        if account not in self.funded:
            self.evm.fund(address_of(account), PURSE)
            self.funded[account] = PURSE
        return address_of(account)

    def send(self, account: str, data: bytes, value: int) -> Sent:
        result = self.transact(account, data, value)
        return Sent(result.success, result.output)

    def transact(self, account: str, data: bytes, value: int = 0) -> Result:
        result = self.evm.transact(self.address(account), self.shop, data, value)
        self.gas.append(result.gas_used)
        return result

    def call(self, data: bytes) -> Sent:
        success, output = self.evm.call(self.shop, data)
        return Sent(success, output)

    def now_s(self) -> int:
        return self.evm.now_s

    def wait(self, seconds: int) -> None:
        self.evm.now_s += seconds


class HostileShop(EvmShop):
    """The same, and the account "hostile" is a contract that behaves badly."""

    def __init__(self) -> None:
        super().__init__()
        self.hostile = Hostile(self.evm, self.address("puppeteer"))

    def copy(self) -> "HostileShop":
        """The same shop as of now, with a life of its own."""
        twin = copy(self)
        twin.evm = self.evm.copy()
        twin.funded, twin.gas = dict(self.funded), list(self.gas)
        twin.hostile = self.hostile.on(twin.evm)
        return twin

    def address(self, account: str) -> bytes:
        return (
            self.hostile.address if account == "hostile" else super().address(account)
        )

    def transact(self, account: str, data: bytes, value: int = 0) -> Result:
        if account == "hostile":
            return self.hostile.run(self.shop, data, value)
        return super().transact(account, data, value)

    def wealth(self) -> int:
        """All money there is, the shop's included; what the test put in is `funded`."""
        accounts = [self.evm.balance(address_of(name)) for name in self.funded]
        contracts = (self.hostile.address, self.shop)
        return sum(accounts) + sum(self.evm.balance(each) for each in contracts)
