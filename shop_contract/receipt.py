"""An order's receipt from any node: what happened, and the node's proofs of it.

The document is what `chandlery verify` checks offline; its form is told there. Logs are
looked for from the newest block backwards until the order was placed.
"""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

from eth_utils.address import to_canonical_address

from shop_contract.codec import STATUSES, decode_event, event_topic
from shop_contract.errors import USAGE, ShopError
from shop_contract.jsonrpc import JsonRpc

FORMAT = "chandlery order receipt 1"
MAX_CONFIG_BYTES = 64 * 1024
BLOCKS_A_QUERY = 1_000  # what a node answers at most


def make_receipt(rpc: JsonRpc, shop: str, order_id: int) -> dict[str, Any]:
    """The receipt of one order. Raises ShopError: no such order, or no proofs."""
    logs = _order_logs(rpc, shop, order_id)
    times = {number: _time_of(rpc, number) for number in _unique(logs, "blockNumber")}
    proofs = [
        rpc.call("qbft_getReceiptProof", name)
        for name in _unique(logs, "transactionHash")
    ]
    return {
        "format": FORMAT,
        "chain_id": int(rpc.call("eth_chainId"), 16),
        "genesis_hash": rpc.call("eth_getBlockByNumber", "0x0", False)["hash"],
        "shop": "0x" + to_canonical_address(shop).hex(),
        "order_id": order_id,
        "events": [_described(log, times[log["blockNumber"]]) for log in logs],
        "proofs": proofs,
    }


def find_shop(endpoint: str) -> str:
    """The shop that a node's own page shows. Raises ShopError."""
    url = f"{endpoint.rstrip('/')}/shop/static/config.json"
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return str(json.loads(response.read(MAX_CONFIG_BYTES))["shop"]["address"])
    except (OSError, ValueError, LookupError, TypeError):
        raise ShopError(
            f"{endpoint} knows of no shop; name its contract with --shop ADDRESS", USAGE
        ) from None


def _order_logs(rpc: JsonRpc, shop: str, order_id: int) -> list[dict[str, Any]]:
    """The order's events, oldest first."""
    topics = ["0x" + event_topic(name).hex() for name in ("OrderPlaced", "OrderMoved")]
    wanted = {"address": shop, "topics": [topics, f"0x{order_id:064x}"]}
    found: list[dict[str, Any]] = []
    last = int(rpc.call("eth_blockNumber"), 16)
    for to in range(last, -1, -BLOCKS_A_QUERY):
        first = max(0, to - BLOCKS_A_QUERY + 1)
        window = {"fromBlock": hex(first), "toBlock": hex(to)}
        found = rpc.call("eth_getLogs", {**wanted, **window}) + found
        if found and found[0]["topics"][0] == topics[0]:
            return found
    raise ShopError(f"the shop at {shop} has no order {order_id} on this chain")


def _unique(logs: list[dict[str, Any]], name: str) -> Iterator[str]:
    return iter(dict.fromkeys(log[name] for log in logs))


def _time_of(rpc: JsonRpc, number: str) -> int:
    return int(rpc.call("eth_getBlockByNumber", number, False)["timestamp"], 16)


def _described(log: dict[str, Any], time: int) -> dict[str, Any]:
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    event = decode_event(topics, bytes.fromhex(log["data"][2:]))
    if event is None:
        raise ShopError("the node answers with an event that is none of the shop's")
    name, fields = event
    fields.pop("order_id")
    if "reference" in fields:
        fields["reference"] = "0x" + fields["reference"].hex()
        fields["total"] = str(fields["total"])
    if "status" in fields:
        status = STATUSES[fields["status"]]
        fields["status"] = status.value if status is not None else ""
    return {"event": name, "block": int(log["blockNumber"], 16), "time": time, **fields}
