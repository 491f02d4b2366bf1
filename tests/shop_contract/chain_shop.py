"""The deployed contract in a bare EVM, as a backend of the conformance adapter.

Every account starts with the same round sum, so that a test can account for every wei.
"""

from functools import cache

from eth_hash.auto import keccak

from shop_contract.artifact import load_artifact
from shop_contract.conformance import Sent
from tests.shop_contract.evm import START_S, Evm, Result

PURSE = 10**30


def address_of(account: str) -> bytes:
    return keccak(account.encode())[-20:]


@cache
def _deployed(bytecode: bytes) -> tuple[Evm, bytes]:
    evm = Evm(now_s=START_S)
    created = evm.transact(address_of("owner"), b"", bytecode)
    assert created.success, created.output
    return evm, created.created


class EvmShop:
    """A fresh, empty shop owned by the account "owner"; implements ContractBackend."""

    def __init__(self, bytecode: bytes | None = None) -> None:
        evm, self.shop = _deployed(bytecode or load_artifact().bytecode)
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
