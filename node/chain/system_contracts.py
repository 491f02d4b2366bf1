"""Code that the genesis places: the EIPs' system contracts, the CREATE2 deployer, and
the validator contract. Data files in `node/chain/contract`; sources are named there.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from node.primitives.types import Address, address


class Predeploy(NamedTuple):
    """A contract that exists from block 0."""

    address: Address
    nonce: int
    code: bytes


@cache
def predeploys() -> tuple[Predeploy, ...]:
    """EIP-4788, 2935, 7002, 7251, and the deployer of deterministic addresses."""
    return tuple(
        Predeploy(
            address(_bytes(entry["address"])), entry["nonce"], _bytes(entry["code"])
        )
        for entry in json.loads(_read("predeploys.json"))
    )


@cache
def validators_artifact() -> dict[str, Any]:
    """abi, bytecode, deployed_bytecode, storage_layout, compiler of Validators.vy."""
    artifact: dict[str, Any] = json.loads(_read("Validators.json"))
    return artifact


def validators_code() -> bytes:
    """The code of the validator contract."""
    return _bytes(validators_artifact()["deployed_bytecode"])


def _read(name: str) -> str:
    return files("node.chain.contract").joinpath(name).read_text()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
