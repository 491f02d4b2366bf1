"""Ether that moves, as logs: what `traceTransfers` of eth_simulateV1 asks for.

Each transfer becomes an ERC-20 Transfer of a token at 0xeeee...ee, in its order among
the logs of contracts. Read from a call tree (callTracer with logs); what failed moved
nothing. Source: go-ethereum internal/ethapi/logtracer.go.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from node.chain.receipt import Log
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32

ETHER_TOKEN = Address(b"\xee" * 20)
TRANSFER = keccak256(b"Transfer(address,address,uint256)")
KEEPS_VALUE = ("DELEGATECALL", "CALLCODE", "STATICCALL")


def logs_with_transfers(root: Mapping[str, Any]) -> tuple[Log, ...]:
    """Logs and transfers of a call tree, in order."""
    return tuple(_walk(root))


def _walk(node: Mapping[str, Any]) -> Iterator[Log]:
    if node.get("error"):
        return
    value = int(node.get("value") or "0x0", 16)
    if value and node["type"] not in KEEPS_VALUE:
        yield _transfer(node["from"], node["to"], value)
    calls = node.get("calls", ())
    logs = list(node.get("logs", ()))
    for at, call in enumerate(calls):
        while logs and int(logs[0]["position"], 16) <= at:
            yield _log(logs.pop(0))
        yield from _walk(call)
    yield from map(_log, logs)


def _transfer(sender: str, to: str, value: int) -> Log:
    parties = (Hash32(bytes(12) + bytes.fromhex(at[2:])) for at in (sender, to))
    return Log(ETHER_TOKEN, (TRANSFER, *parties), value.to_bytes(32, "big"))


def _log(entry: Mapping[str, Any]) -> Log:
    return Log(
        Address(bytes.fromhex(entry["address"][2:])),
        tuple(Hash32(bytes.fromhex(topic[2:])) for topic in entry["topics"]),
        bytes.fromhex(entry["data"][2:]),
    )
