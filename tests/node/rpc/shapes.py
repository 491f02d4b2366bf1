"""Shapes of JSON-RPC answers: which keys, and of what kind each value is."""

import re
from collections.abc import Mapping
from typing import Any

QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)\Z")
DATA = re.compile(r"0x([0-9a-f]{2})*\Z")
FIXED = {66: "32 bytes", 42: "address", 514: "bloom"}
DATA_KEYS = {"input", "data", "returnValue", "raw", "extraData", "returnData"}
QUANTITY_KEYS = {"r", "s", "value", "balance"}
LATER_KEYS = {
    "parentBeaconBlockRoot",
    "requestsHash",
    "blobGasUsed",
    "excessBlobGas",
    "withdrawalsRoot",
    "withdrawals",
    "baseFeePerGas",
    "chainId",
    "status",
}
"""Of forks after some of the examples; this chain has them always."""
EARLIER_KEYS = {"root"}
"""Of a fork before ours: receipts had a state root."""
SOMETIMES_KEYS = {"storage", "error"}
"""Of a step of a trace that touches storage or fails."""
MAY_BE_EMPTY = {"withdrawals"}


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Where the shape of `actual` is not that of `expected`; empty when nowhere."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected and all(key.startswith("0x") for key in expected):
            return _values(list(expected.values()), list(actual.values()), path)
        return _objects([expected], actual, path)
    if isinstance(expected, list) and isinstance(actual, list):
        return _values(expected, actual, path)
    kinds = kind_of(path, expected), kind_of(path, actual)
    return [] if kinds[0] == kinds[1] else [f"{path}: {kinds[1]}, expected {kinds[0]}"]


def _values(expected: list[Any], actual: list[Any], path: str) -> list[str]:
    may_be_empty = not actual and path.rsplit(".", 1)[-1] in MAY_BE_EMPTY
    if bool(expected) != bool(actual) and not may_be_empty:
        return [f"{path}: {len(actual)} items, expected {len(expected)}"]
    found = []
    for at, value in enumerate(actual):
        where = f"{path}[{at}]"
        if isinstance(value, dict) and isinstance(expected[0], dict):
            found += _objects(expected, value, where)
        else:
            found += differences(expected[0], value, where)
    return found


def _objects(
    examples: list[Mapping[str, Any]], actual: Mapping[str, Any], path: str
) -> list[str]:
    """Keys that all examples have are needed, those that some have are allowed."""
    needed = set.intersection(*(set(example) for example in examples))
    allowed = set.union(*(set(example) for example in examples)) | LATER_KEYS
    allowed |= SOMETIMES_KEYS
    missing = needed - set(actual) - EARLIER_KEYS
    found = [f"{path}.{key}: missing" for key in sorted(missing)]
    found += [f"{path}.{key}: not expected" for key in sorted(set(actual) - allowed)]
    for key, value in actual.items():
        known = [example[key] for example in examples if key in example]
        tries = [differences(example, value, f"{path}.{key}") for example in known]
        if tries and all(tries):
            found += tries[0]
    return found


def kind_of(path: str, value: Any) -> str:
    """The kind of one value."""
    if not isinstance(value, str):
        return type(value).__name__
    key = path.rsplit(".", 1)[-1].split("[", 1)[0]
    if key in QUANTITY_KEYS:
        return "quantity" if QUANTITY.match(value) else "no quantity"
    if len(value) in FIXED and key not in DATA_KEYS:
        return FIXED[len(value)]
    if key == "nonce" and len(value) == 18:
        return "8 bytes"
    is_quantity, is_data = bool(QUANTITY.match(value)), bool(DATA.match(value))
    if key in DATA_KEYS or not is_quantity:
        return "data" if is_data else "text"
    return "quantity or data" if not key else "quantity"
