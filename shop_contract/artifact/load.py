"""Reading Shop.json: the contract's interface and code, as `python -m
shop_contract.build` wrote them. A test recompiles the source and compares.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    `abi` is the usual JSON interface; `bytecode` creates the contract (the constructor
    takes no arguments); `deployed_bytecode` is what then stands at its address.
    """

    abi: list[dict[str, Any]]
    bytecode: bytes
    deployed_bytecode: bytes
    compiler: str
    evm_version: str
    source_sha256: str


@cache
def load_artifact() -> Artifact:
    """The artifact that belongs to this version of the package. Do not change it."""
    text = (files("shop_contract.artifact") / "Shop.json").read_text()
    document = json.loads(text)
    return Artifact(
        abi=document["abi"],
        bytecode=bytes.fromhex(document["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(
            document["deployed_bytecode"].removeprefix("0x")
        ),
        compiler=document["compiler"],
        evm_version=document["evm_version"],
        source_sha256=document["source_sha256"],
    )


def interface() -> list[dict[str, Any]]:
    """The ABI, for tools that find it as `chandlery.interfaces` and decode with it."""
    return load_artifact().abi
