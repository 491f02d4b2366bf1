"""One plain call of every function that the contract has, by its artifact's ABI."""

from collections.abc import Mapping
from typing import Any

from shop_contract.artifact import load_artifact
from shop_contract.codec import encode_call


def plain_calls(*mutabilities: str) -> dict[str, bytes]:
    """Calls with zeros and nothing as arguments, of the functions of these kinds
    (payable, nonpayable, view; what reads no storage is pure). By name and arity."""
    return {
        f"{entry['name']}/{len(entry['inputs'])}": encode_call(
            entry["name"], *(_plain(item) for item in entry["inputs"])
        )
        for entry in load_artifact().abi
        if entry["type"] == "function" and entry["stateMutability"] in mutabilities
    }


def _plain(item: Mapping[str, Any]) -> object:
    kind = str(item["type"])
    if kind.endswith("]"):
        return []
    plain = {"address": bytes(20), "bool": False, "string": "", "bytes": b""}
    if kind == "bytes32":
        return bytes(32)
    return plain.get(kind, 0)
