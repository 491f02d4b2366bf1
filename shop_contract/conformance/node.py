"""The contract on a real chain as a backend: vectors through any JSON-RPC endpoint.

Each transaction is first called, which tells the answer or the revert word, then sent
and waited for. So one backend is for one user at a time, and a vector takes about as
many blocks as it has steps. The chain's clock runs and its customers have only so
much money: see `ABILITIES`.
"""

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_canonical_address, to_checksum_address

from shop_contract.artifact import load_artifact
from shop_contract.conformance.adapter import Ability
from shop_contract.conformance.contract import ContractAdapter, Sent
from shop_contract.deploy import DEPLOY_GAS, Sender
from shop_contract.errors import ShopError
from shop_contract.jsonrpc import JsonRpc, RpcRefusal

GAS = 3_000_000
ABILITIES = ContractAdapter.ABILITIES - {Ability.FROZEN_TIME, Ability.DEEP_POCKETS}


class NodeBackend:
    """A freshly deployed shop. Its named accounts are the given ones, in the order in
    which a vector first mentions them; the first is "owner"."""

    def __init__(
        self, url: str, accounts: Sequence[LocalAccount], timeout_s: float = 30.0
    ) -> None:
        self._rpc = JsonRpc(url)
        self._timeout_s = timeout_s
        self._unnamed = list(accounts)
        self._senders: dict[str, tuple[LocalAccount, Sender]] = {}
        owner = self._sender("owner")
        created = owner.receipt(owner.send(b"", load_artifact().bytecode, DEPLOY_GAS))
        self.shop = to_canonical_address(created["contractAddress"])

    def send(self, account: str, data: bytes, value: int) -> Sent:
        sender = self._sender(account)
        sent = self._ask(data, {"from": self._name(account), "value": hex(value)})
        if sent.success:
            sender.receipt(sender.send(self.shop, data, GAS, value))
        return sent

    def call(self, data: bytes) -> Sent:
        return self._ask(data, {})

    def address(self, account: str) -> bytes:
        return to_canonical_address(self._name(account))

    def now_s(self) -> int:
        block = self._rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["timestamp"], 16)

    def wait(self, seconds: int) -> None:
        raise NotImplementedError("a chain's clock goes its own way")

    def _ask(self, data: bytes, fields: dict[str, str]) -> Sent:
        to = to_checksum_address(self.shop)
        call = {"to": to, "data": "0x" + data.hex(), **fields}
        try:
            result = self._rpc.call("eth_call", call, "latest")
        except RpcRefusal as error:
            if not error.data:
                raise
            return Sent(False, bytes.fromhex(error.data.removeprefix("0x")))
        return Sent(True, bytes.fromhex(result.removeprefix("0x")))

    def _name(self, account: str) -> str:
        self._sender(account)
        return str(self._senders[account][0].address)

    def _sender(self, account: str) -> Sender:
        if account not in self._senders:
            if not self._unnamed:
                raise ShopError("more funded accounts are needed: a vector names seven")
            local = self._unnamed.pop(0)
            sender = Sender(self._rpc, local, self._timeout_s)
            self._senders[account] = (local, sender)
        return self._senders[account][1]
