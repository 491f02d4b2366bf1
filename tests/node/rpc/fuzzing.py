"""Requests that nobody sends on purpose: sound ones with something wrong in them.

All choices come from a seed. Numbers are small or far too large, nothing between: what
lies there would be honest work that takes long.
"""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

AT, OTHER = "0x" + "77" * 20, "0x" + "c1" * 20
FIRST = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
WORD = "0x" + "0" * 63 + "1"
TRANSACTION = {
    "from": FIRST,
    "to": AT,
    "gas": "0x30000",
    "value": "0x1",
    "data": "0x01",
    "nonce": "0x0",
    "accessList": [{"address": AT, "storageKeys": [WORD]}],
    "authorizationList": [
        {"chainId": "0x1", "address": AT, "nonce": "0x0", "r": "0x1", "s": "0x1"}
    ],
}
LEGACY = {"from": FIRST, "to": AT, "gas": "0x30000", "gasPrice": "0x77359400"}
DYNAMIC = {
    "from": FIRST,
    "to": AT,
    "maxFeePerGas": "0x9",
    "maxPriorityFeePerGas": "0x1",
}
CHANGED = {"balance": "0x1", "nonce": "0x1", "code": "0x00", "state": {WORD: WORD}}
CHANGES = {AT: CHANGED}
DIFFERENCE = {AT: {"stateDiff": {WORD: WORD}}}
MOVE = {AT: {"movePrecompileToAddress": OTHER}}
BLOCK = {
    "number": "0x9",
    "time": "0xffffffff",
    "gasLimit": "0x100000",
    "feeRecipient": AT,
    "prevRandao": WORD,
    "baseFeePerGas": "0x7",
}
SIMULATED_BLOCK = {**BLOCK, "beaconRoot": WORD, "withdrawals": []}
SIMULATION = {
    "blockStateCalls": [
        {
            "blockOverrides": SIMULATED_BLOCK,
            "stateOverrides": CHANGES,
            "calls": [{**TRANSACTION, "maxFeePerGas": "0x9"}],
        },
        {"stateOverrides": DIFFERENCE, "calls": [{"from": FIRST, "to": AT}]},
    ],
    "validation": False,
    "traceTransfers": True,
    "returnFullTransactions": True,
}
FILTER = {"fromBlock": "0x0", "toBlock": "latest", "address": [AT], "topics": [[WORD]]}
TYPED = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}],
        "Order": [{"name": "count", "type": "uint256[]"}, {"name": "of", "type": "Of"}],
        "Of": [{"name": "at", "type": "address"}, {"name": "raw", "type": "bytes32"}],
    },
    "primaryType": "Order",
    "domain": {"name": "shop"},
    "message": {"count": ["1", 2], "of": {"at": AT, "raw": WORD}},
}
TRACERS: list[dict[str, Any]] = [
    {"disableStack": True, "enableMemory": True, "limit": 3},
    {"tracer": "callTracer", "tracerConfig": {"withLog": True, "onlyTopCall": False}},
    {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}},
    {"tracer": "4byteTracer", "stateOverrides": CHANGES, "blockOverrides": BLOCK},
]
SOUND: dict[str, list[list[Any]]] = {
    "eth_call": [
        [LEGACY, "latest", CHANGES, BLOCK],
        [TRANSACTION, {"blockNumber": 0}],
        [DYNAMIC, "latest", MOVE],
    ],
    "eth_estimateGas": [[DYNAMIC, "pending", DIFFERENCE, BLOCK], [TRANSACTION]],
    "eth_createAccessList": [[TRANSACTION, "latest"], [LEGACY, {"blockHash": WORD}]],
    "eth_fillTransaction": [[TRANSACTION], [LEGACY], [DYNAMIC]],
    "eth_sendTransaction": [[TRANSACTION], [LEGACY], [DYNAMIC]],
    "eth_sendUnsignedTransaction": [[TRANSACTION], [LEGACY]],
    "eth_signTransaction": [[TRANSACTION], [LEGACY]],
    "eth_signTypedData_v4": [[FIRST, TYPED], [FIRST, json.dumps(TYPED)]],
    "personal_sign": [["0x01", FIRST, ""]],
    "eth_simulateV1": [[SIMULATION, "latest"]],
    "eth_getLogs": [[FILTER], [{"blockHash": WORD, "topics": [None, WORD]}]],
    "eth_newFilter": [[FILTER]],
    "eth_subscribe": [["logs", FILTER], ["newHeads"]],
    "eth_unsubscribe": [[WORD]],
    "eth_getProof": [[AT, [WORD, "0x0"], "latest"]],
    "eth_getStorageAt": [[AT, "0x0", {"blockNumber": "0x0"}]],
    "eth_getStorageValues": [[{AT: [WORD, "0x2"]}, "latest"]],
    "eth_feeHistory": [["0x4", "latest", [1, 50.5, 99]]],
    "eth_sendRawTransaction": [["0x02c0"], ["0xf86c80"], ["0x04f8"]],
    "eth_getBlockByNumber": [["0x0", True], ["latest", False]],
    "eth_getTransactionByBlockNumberAndIndex": [["0x0", "0x0"]],
    "debug_traceCall": [[TRANSACTION, "latest", tracer] for tracer in TRACERS],
    "debug_traceBlockByNumber": [["latest", tracer] for tracer in TRACERS],
    "anvil_setStorageAt": [[AT, "0x0", WORD]],
    "anvil_setBalance": [[AT, "0x5"]],
    "anvil_setNonce": [[AT, "0x5"]],
    "anvil_reorg": [[1, [[LEGACY, 0]]], [{"depth": 1, "txBlockPairs": [["0x02", 0]]}]],
    "evm_mine": [[{"timestamp": "0xffffffff", "blocks": 2}]],
    "anvil_mine": [["0x2", "0x3"]],
    "anvil_loadState": [["0x" + b'{"accounts":{"0x77":{}}}'.hex()]],
}
SCALARS: list[Any] = [
    None,
    True,
    0,
    -1,
    3,
    1.5,
    1e300,
    2**63,
    -(2**63),
    "",
    "0x",
    "0x0",
    "0x3",
    "0xzz",
    "0x123",
    "0x" + "f" * 16,
    "0x" + "f" * 33,
    "0x" + "f" * 64,
    "0x" + "f" * 65,
    "0x" + "00" * 3_000,
    "-0x1",
    "latest",
    "earliest",
    "\x00\uffff",
    "9" * 400,
    "callTracer",
    AT,
    FIRST,
    WORD,
    WORD + "00",
]


QUANTITIES = [0, 1, 27, 2**63, 2**64 - 1, 2**64, 2**128, 2**255, 2**256 - 1, 2**256]
ADDRESSES = [AT, OTHER, FIRST, "0x" + "0" * 40, "0x" + "0" * 39 + "4", "0x" + "f" * 40]
WORDS = [WORD, "0x" + "0" * 64, "0x" + "f" * 64]


def akin(random: Random, value: Any) -> Any:
    """A value of the same form; any at all for what has none."""
    if isinstance(value, bool):
        return not value
    if not isinstance(value, str) or not value.startswith("0x"):
        return hostile(random)
    choices = {42: ADDRESSES, 66: WORDS}.get(len(value), [])
    return random.choice(choices or [hex(n) for n in QUANTITIES])


def hostile(random: Random, depth: int = 0) -> Any:
    """Any value at all."""
    kind = random.randrange(8)
    if depth > 3 or kind < 5:
        return random.choice(SCALARS)
    size = random.randrange(4)
    if kind == 5:
        return [hostile(random, depth + 1) for _ in range(size)]
    if kind == 6:
        return copy.deepcopy(random.choice([TRANSACTION, CHANGES, BLOCK, FILTER]))
    names = [*TRANSACTION, *BLOCK, *FILTER, *CHANGED, AT, "0x1", ""]
    return {random.choice(names): hostile(random, depth + 1) for _ in range(size)}


def spoiled(random: Random, sound: Any) -> Any:
    """The same with one to three of its parts replaced, removed or doubled."""
    root = [copy.deepcopy(sound)]
    for _ in range(random.randint(1, 3)):
        parent, key = random.choice(list(_places(root)))
        what = random.randrange(12)
        if what == 0 and parent is not root:
            del parent[key]
        elif what == 1 and isinstance(parent, list) and parent is not root:
            parent.append(copy.deepcopy(parent[key]))
        elif what == 2 and isinstance(parent, dict):
            parent[random.choice(SCALARS[9:16])] = parent.pop(key)
        elif what == 3:
            parent[key] = hostile(random)
        elif not isinstance(parent[key], dict | list):
            parent[key] = akin(random, parent[key])
    return root[0]


def _places(parent: Any) -> Any:
    """Every (container, key) in a value."""
    keys = list(parent) if isinstance(parent, dict) else range(len(parent))
    for key in keys:
        yield parent, key
        if isinstance(parent[key], dict | list):
            yield from _places(parent[key])


def request(random: Random, methods: list[str]) -> dict[str, Any]:
    """A request of any method, mostly of one that takes much."""
    name = random.choice(list(SOUND) if random.random() < 0.8 else methods)
    if name in SOUND:
        params = spoiled(random, random.choice(SOUND[name]))
    else:
        params = [hostile(random) for _ in range(random.randrange(5))]
    return {
        "jsonrpc": "2.0",
        "id": random.randrange(9),
        "method": name,
        "params": params,
    }


def _cut(random: Random, body: bytes) -> bytes:
    return body[: random.randrange(len(body))]


def _flipped(random: Random, body: bytes) -> bytes:
    raw = bytearray(body)
    raw[random.randrange(len(raw))] = random.randrange(256)
    return bytes(raw)


def _doubled_key(random: Random, body: bytes) -> bytes:
    doubled = random.choice([b'"id":null,', b'"method":5,', b'"params":[[]],'])
    return body.replace(b"{", b"{" + doubled, 1)


def _no_number(random: Random, body: bytes) -> bytes:
    wrong = random.choice([b"NaN", b"-Infinity", b"1e999", b"9" * 5_000, b"0x1", b"-0"])
    return body.replace(b"0", wrong, 1)


def _deep(random: Random, body: bytes) -> bytes:
    depth = random.choice([3, 300, 100_000])
    opening, closing = random.choice([(b"[", b"]"), (b'{"a":', b"}")])
    deep = opening * depth + b"1" + closing * depth
    return body.replace(b"[", b"[" + deep + b",", 1) if random.random() < 0.5 else deep


def _batch(random: Random, body: bytes) -> bytes:
    return random.choice(
        [b"[]", b"[[]]", b"[%b,[%b]]", b"[1,null,%b]", b"[%b,%b,{}]"]
    ).replace(b"%b", body)


def _prefixed(random: Random, body: bytes) -> bytes:
    return random.choice([b"\xef\xbb\xbf", b"\0", b" \n", b"\xff\xfe"]) + body


def _surrogate(random: Random, body: bytes) -> bytes:
    return body.replace(b'"0x', random.choice([b'"\\ud800', b'"\xed\xa0\x80']), 1)


SPOILERS: list[Callable[[Random, bytes], bytes]] = [
    _cut,
    _flipped,
    _doubled_key,
    _no_number,
    _deep,
    _batch,
    _prefixed,
    _surrogate,
]


def body(random: Random, methods: list[str]) -> bytes:
    """The bytes of a request, sound as JSON or not."""
    raw = json.dumps(request(random, methods)).encode()
    if random.random() < 0.7:
        return raw
    return random.choice(SPOILERS)(random, raw)
