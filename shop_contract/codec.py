"""Calls, results, reasons and events of the contract as bytes, by its artifact's ABI.

For clients that send raw transactions: encode a call by name, decode what comes back.
Structs travel as tuples on the way in and as dictionaries on the way out.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)

from shop_contract.artifact import load_artifact
from shop_contract.rules.orders import Status

# An order's status by the number the contract gives it; 0 is an order that is not.
STATUSES: tuple[Status | None, ...] = (None, *Status)

_ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)


def encode_call(function: str, *arguments: object) -> bytes:
    """Call data of one function. Raises KeyError: no such function and arity."""
    entry = _functions()[function, len(arguments)]
    types = _types(entry["inputs"])
    return function_abi_to_4byte_selector(entry) + abi_encode(types, arguments)


def decode_result(function: str, data: bytes) -> Any:
    """What a function returned: one value, or None. Structs become dictionaries."""
    entry = next(e for (name, _), e in _functions().items() if name == function)
    if not entry["outputs"]:
        return None
    values = abi_decode(_types(entry["outputs"]), data)
    (value,) = _named(entry["outputs"], values)
    return value


def revert_reason(data: bytes) -> str | None:
    """The word a call was rejected with; None: malformed call data, or out of gas."""
    if data[:4] != _ERROR_SELECTOR:
        return None
    try:
        (reason,) = abi_decode(["string"], data[4:])
    except DecodingError:
        return None
    return str(reason)


def decode_event(
    topics: Sequence[bytes], data: bytes
) -> tuple[str, dict[str, Any]] | None:
    """Name and fields of one log entry; None: not an event of this contract."""
    entry = _events().get(topics[0]) if topics else None
    if entry is None:
        return None
    indexed = [item for item in entry["inputs"] if item["indexed"]]
    plain = [item for item in entry["inputs"] if not item["indexed"]]
    fields = {
        item["name"]: abi_decode([item["type"]], topic)[0]
        for item, topic in zip(indexed, topics[1:], strict=True)
    }
    values = abi_decode(_types(plain), data)
    fields.update({i["name"]: v for i, v in zip(plain, values, strict=True)})
    return entry["name"], fields


def event_topic(event: str) -> bytes:
    """The first topic of an event's logs, for filters."""
    return next(t for t, entry in _events().items() if entry["name"] == event)


def _types(items: Sequence[Any]) -> list[str]:
    return [collapse_if_tuple(item) for item in items]


def _named(items: Sequence[Mapping[str, Any]], values: Sequence[Any]) -> list[Any]:
    named: list[Any] = []
    for item, value in zip(items, values, strict=True):
        if not item["type"].startswith("tuple"):
            named.append(list(value) if isinstance(value, tuple) else value)
        elif item["type"] == "tuple":
            named.append(_struct(item["components"], value))
        else:
            named.append([_struct(item["components"], each) for each in value])
    return named


def _struct(components: Sequence[Any], value: Sequence[Any]) -> dict[str, Any]:
    names = [item["name"] for item in components]
    return dict(zip(names, _named(components, value), strict=True))


@cache
def _functions() -> dict[tuple[str, int], Any]:
    return {
        (entry["name"], len(entry["inputs"])): entry
        for entry in load_artifact().abi
        if entry["type"] == "function"
    }


@cache
def _events() -> dict[bytes, Any]:
    entries: list[Any] = [e for e in load_artifact().abi if e["type"] == "event"]
    return {event_abi_to_log_topic(entry): entry for entry in entries}
