"""Public single-transaction state tests, run on a machine below the executor."""

import json
import lzma
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from node.chain.genesis import GenesisAccount
from node.chain.transaction import (
    ACCESS_LIST,
    DYNAMIC_FEE,
    LEGACY,
    SET_CODE,
    Authorization,
    Transaction,
)
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import ZERO_HASH, Address, Hash32

FOLDER = Path(__file__).resolve().parents[3].parent / "shared/vectors/state_tests"
FILES = ("cancun.jsonl.xz", "prague_derived.jsonl.xz", "prague_handmade.jsonl.xz")
CHAIN_ID = 1


@lru_cache
def cases() -> tuple[dict[str, Any], ...]:
    """All cases, in the order of the files; empty when the vectors are not there."""
    return tuple(_read())


def _read() -> Iterator[dict[str, Any]]:
    for name in FILES:
        if (FOLDER / name).exists():
            with lzma.open(FOLDER / name, "rt") as lines:
                for line in lines:
                    yield json.loads(line)


def alloc_of(pre: Mapping[str, Any]) -> dict[Address, GenesisAccount]:
    """The accounts before the transaction."""
    return {
        Address(to_bytes(at)): GenesisAccount(
            balance=int(account["balance"], 16),
            nonce=int(account["nonce"], 16),
            code=to_bytes(account["code"]),
            storage={
                int(slot, 16): int(value, 16)
                for slot, value in account["storage"].items()
            },
        )
        for at, account in pre.items()
    }


def transaction_of(tx: Mapping[str, Any]) -> tuple[Transaction, Address]:
    """The transaction from its fields, with its sender; the signature is left out."""
    secret = to_bytes(tx["secretKey"])
    fee = _number(tx.get("gasPrice", tx.get("maxFeePerGas")))
    transaction = Transaction(
        type=_type_of(tx),
        chain_id=CHAIN_ID,
        nonce=_number(tx["nonce"]),
        priority_fee=_number(tx.get("maxPriorityFeePerGas", hex(fee))),
        max_fee=fee,
        gas_limit=_number(tx["gasLimit"]),
        to=Address(to_bytes(tx["to"])) if tx["to"] else None,
        value=_number(tx["value"]),
        data=to_bytes(tx["data"]),
        access_list=tuple(_access(entry) for entry in tx.get("accessList") or ()),
        authorizations=tuple(
            _authorization(entry) for entry in tx.get("authorizationList") or ()
        ),
        v=0,
        r=0,
        s=0,
        hash=ZERO_HASH,
    )
    return transaction, PrivateKey(secret).address


def ancestor_of(env: Mapping[str, str], height: int) -> bytes:
    """What BLOCKHASH answers in these tests."""
    number = int(env["currentNumber"], 16)
    if height == number - 1 and env.get("previousHash"):
        return to_bytes(env["previousHash"])
    return keccak256(str(height).encode())


def logs_hash(logs: Any) -> Hash32:
    """keccak(rlp([[address, topics, data], ...]))."""
    return keccak256(rlp.encode([[log.address, log.topics, log.data] for log in logs]))


def to_bytes(text: str) -> bytes:
    """From 0x hexadecimal, odd lengths included."""
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)


def _number(text: Any) -> int:
    return int(text, 16) if text not in ("", "0x") else 0


def _type_of(tx: Mapping[str, Any]) -> int:
    if "authorizationList" in tx:
        return SET_CODE
    if "maxFeePerGas" in tx:
        return DYNAMIC_FEE
    return ACCESS_LIST if tx.get("accessList") is not None else LEGACY


def _access(entry: Mapping[str, Any]) -> tuple[Address, tuple[Hash32, ...]]:
    return Address(to_bytes(entry["address"])), tuple(
        Hash32(to_bytes(key).rjust(32, b"\0")) for key in entry["storageKeys"]
    )


def _authorization(entry: Mapping[str, Any]) -> Authorization:
    return Authorization(
        _number(entry["chainId"]),
        Address(to_bytes(entry["address"])),
        _number(entry["nonce"]),
        _number(entry.get("yParity", entry.get("v"))),
        _number(entry["r"]),
        _number(entry["s"]),
    )
