"""State dumps in anvil's format: gzipped JSON of accounts and the block's environment.

`accounts` is address -> {nonce, balance, code, storage}. Loading reads nothing else and
overwrites the accounts and slots it names, as anvil does; dumps of `anvil --dump-state`
and `anvil_dumpState` load alike, gzipped or not.
"""

import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

from node.execution.executor import AccountOverride
from node.networks.devchain.chain import DevChain
from node.primitives.types import Address, address

GZIP_MAGIC = b"\x1f\x8b"
MAX_DUMP_BYTES = 256_000_000
"""Of JSON, unpacked."""


def dump_state(chain: DevChain) -> bytes:
    """The newest state; see the module's docstring."""
    head, rules = chain.head, chain.rules
    document = {
        "block": {
            "number": hex(head.number),
            "beneficiary": "0x" + chain.environment.coinbase.hex(),
            "timestamp": hex(head.timestamp),
            "gas_limit": chain.environment.gas_limit,
            "basefee": rules.base_fee_after(head),
            "difficulty": "0x0",
            "prevrandao": "0x" + head.prev_randao.hex(),
            "blob_excess_gas_and_price": {"excess_blob_gas": 0, "blob_gasprice": 1},
        },
        "accounts": {
            "0x" + at.hex(): {
                "nonce": account.nonce,
                "balance": hex(account.balance),
                "code": "0x" + account.code.hex(),
                "storage": {
                    f"0x{slot:064x}": f"0x{value:064x}"
                    for slot, value in account.storage.items()
                },
            }
            for at, account in chain.executor.dump().items()
        },
        "best_block_number": head.number,
        "blocks": [],
        "transactions": [],
        "historical_states": None,
    }
    return gzip.compress(json.dumps(document).encode())


def load_state(data: bytes) -> dict[Address, AccountOverride]:
    """The accounts of a dump as changes. Raises ValueError."""
    document = json.loads(_unpack(data))
    if not isinstance(document, dict) or not isinstance(document.get("accounts"), dict):
        raise ValueError("it has no accounts")
    try:
        return {
            address(bytes.fromhex(at.removeprefix("0x"))): _account(account)
            for at, account in document["accounts"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"an account is malformed: {error!r}") from None


def _account(account: Mapping[str, Any]) -> AccountOverride:
    storage = account.get("storage") or {}
    return AccountOverride(
        balance=_int(account["balance"]),
        nonce=_int(account["nonce"]),
        code=bytes.fromhex((account.get("code") or "0x").removeprefix("0x")),
        state_diff={_int(slot): _int(value) for slot, value in storage.items()},
    )


def _int(value: str | int) -> int:
    number = value if isinstance(value, int) else int(value, 0)
    if not 0 <= number < 1 << 256:
        raise ValueError(f"{value} is out of range")
    return number


def _unpack(data: bytes) -> bytes:
    if not data.startswith(GZIP_MAGIC):
        return data
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(data, MAX_DUMP_BYTES)
    except zlib.error as error:
        raise ValueError(f"it cannot be unpacked: {error}") from None
    if unpacker.unconsumed_tail:
        raise ValueError(f"it is larger than {MAX_DUMP_BYTES} bytes")
    return text
