"""Deploying a shop through any JSON-RPC endpoint: contract, catalogue, stock, staff.

Every transaction is signed here; the endpoint sees no key. Transactions are sent ahead
of their receipts, in order of nonce, and every receipt is checked.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_canonical_address, to_checksum_address

from shop_contract.artifact import load_artifact
from shop_contract.codec import encode_call
from shop_contract.errors import ShopError
from shop_contract.jsonrpc import JsonRpc
from shop_contract.rules.catalogue import Catalogue, OptionKind
from shop_contract.rules.limits import MAX_CHANGES

DEPLOY_GAS = 5_000_000
CALL_GAS = 200_000
CHANGE_GAS = 35_000  # each price or stock of a batch
POLL_S = 0.1


@dataclass(frozen=True)
class Opening:
    """How the shop is to be opened. Accounts are checksummed addresses."""

    catalogue: Catalogue
    moulders: tuple[str, ...]
    couriers: tuple[str, ...]
    delivery_key: bytes | None = None


@dataclass(frozen=True)
class Deployment:
    """A shop that is open: `block` is that of the contract's creation."""

    address: str
    owner: str
    chain_id: int
    block: int
    transactions: int
    gas_used: int


Report = Callable[[str], None]


def opening_calls(opening: Opening) -> Iterator[tuple[bytes, int]]:
    """The calls that open a freshly deployed shop, each with its gas limit."""
    catalogue = opening.catalogue
    for position, kind in enumerate(OptionKind):
        for name in catalogue.names(kind):
            yield encode_call("add_option", position, name), CALL_GAS
    skus = [sku for _, sku in sorted(catalogue.skus.items())]
    for first in range(0, len(skus), MAX_CHANGES):
        page = skus[first : first + MAX_CHANGES]
        designs = [(s.design.shape, s.design.size, s.design.scent) for s in page]
        gas = CALL_GAS + CHANGE_GAS * len(page)
        prices = [(*d, s.price) for d, s in zip(designs, page, strict=True)]
        yield encode_call("set_prices", prices), gas
        stocks = [(*d, s.stock) for d, s in zip(designs, page, strict=True)]
        yield encode_call("adjust_stock", stocks), gas
    for moulder in opening.moulders:
        call = encode_call("set_moulder", to_canonical_address(moulder), True)
        yield call, CALL_GAS
    for courier in opening.couriers:
        call = encode_call("set_courier", to_canonical_address(courier), True)
        yield call, CALL_GAS
    if opening.delivery_key is not None:
        yield encode_call("set_delivery_key", opening.delivery_key), CALL_GAS


def deploy_shop(
    rpc: JsonRpc,
    owner: LocalAccount,
    opening: Opening,
    report: Report,
    timeout_s: float = 60.0,
) -> Deployment:
    """Deploy and open a shop. Raises ShopError, naming how far it came."""
    sender = Sender(rpc, owner, timeout_s)
    report(f"deploying the contract as {owner.address} on chain {sender.chain_id}")
    created = sender.receipt(sender.send(b"", load_artifact().bytecode, DEPLOY_GAS))
    address = to_checksum_address(created["contractAddress"])
    calls = list(opening_calls(opening))
    report(f"opening the shop at {address}: {len(calls)} transactions")
    try:
        contract = to_canonical_address(address)
        hashes = [sender.send(contract, call, gas) for call, gas in calls]
        receipts = [created, *map(sender.receipt, hashes)]
    except ShopError as error:
        raise ShopError(
            f"the contract at {address} is deployed but not fully open: {error}. "
            "Mend the cause and deploy again: a shop costs nothing but gas"
        ) from None
    return Deployment(
        address=address,
        owner=owner.address,
        chain_id=sender.chain_id,
        block=int(created["blockNumber"], 16),
        transactions=len(receipts),
        gas_used=sum(int(receipt["gasUsed"], 16) for receipt in receipts),
    )


class Sender:
    """Signs and sends one account's transactions, counting nonces itself."""

    def __init__(self, rpc: JsonRpc, account: LocalAccount, timeout_s: float) -> None:
        self._rpc = rpc
        self._account = account
        self._timeout_s = timeout_s
        self.chain_id = int(rpc.call("eth_chainId"), 16)
        count = rpc.call("eth_getTransactionCount", account.address, "pending")
        self._nonce = int(count, 16)
        block = rpc.call("eth_getBlockByNumber", "latest", False)
        base_fee = int(block.get("baseFeePerGas", "0x0"), 16)
        self._tip = int(rpc.call("eth_maxPriorityFeePerGas"), 16)
        # Base fees rise by an eighth a block at most: room for several full blocks.
        self._max_fee = 2 * base_fee + self._tip

    def send(self, to: bytes, data: bytes, gas: int, value: int = 0) -> str:
        """Send one transaction (an empty `to` creates a contract); its hash."""
        fields: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": self._nonce,
            "maxFeePerGas": self._max_fee,
            "maxPriorityFeePerGas": self._tip,
            "gas": gas,
            "value": value,
            "data": data,
        }
        if to:
            fields["to"] = to
        signed = self._account.sign_transaction(fields)
        raw = "0x" + signed.raw_transaction.hex().removeprefix("0x")
        sent: str = self._rpc.call("eth_sendRawTransaction", raw)
        self._nonce += 1
        return sent

    def receipt(self, transaction_hash: str) -> dict[str, Any]:
        """Wait for a transaction to be in a block and to have succeeded."""
        deadline = time.monotonic() + self._timeout_s
        while time.monotonic() < deadline:
            found = self._rpc.call("eth_getTransactionReceipt", transaction_hash)
            if found is not None:
                return self._checked(found)
            time.sleep(POLL_S)
        raise ShopError(
            f"{transaction_hash} is in no block after {self._timeout_s:.0f} s: "
            "does the network commit (`chandlery status`)?"
        )

    def _checked(self, receipt: dict[str, Any]) -> dict[str, Any]:
        if int(receipt["status"], 16) == 1:
            return receipt
        spent = int(receipt["gasUsed"], 16)
        raise ShopError(
            f"transaction {receipt['transactionHash']} failed after {spent} gas"
        )
