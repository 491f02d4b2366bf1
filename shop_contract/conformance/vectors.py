"""Reading shop_contract/vectors/*.json. Their form is told in vectors/README.md."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from shop_contract.conformance.adapter import Ability
from shop_contract.rules.catalogue import Design
from shop_contract.rules.placing import OrderRequest

FORM = 1


@dataclass(frozen=True)
class Vector:
    """A sequence of steps, each with the expected answer, on a freshly opened shop."""

    name: str
    needs: frozenset[Ability]
    steps: Sequence[Mapping[str, Any]]

    def __str__(self) -> str:
        return self.name


def load_vectors() -> list[Vector]:
    """All vectors, in the order of their files. Raises ValueError on another form."""
    found: list[Vector] = []
    folder = files("shop_contract.vectors")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            found += parse_vectors(json.loads(entry.read_text()), entry.name)
    return found


def parse_vectors(document: Mapping[str, Any], source: str) -> list[Vector]:
    """The vectors of one document; `source` names it in the vectors' names."""
    if document.get("form") != FORM:
        raise ValueError(f"{source}: form {document.get('form')} is not {FORM}")
    return [
        Vector(
            name=f"{source.removesuffix('.json')}: {item['name']}",
            needs=frozenset(Ability(need) for need in item.get("needs", ())),
            steps=item["steps"],
        )
        for item in document["vectors"]
    ]


def reference_bytes(name: str) -> bytes:
    """A reference by its name; "0x..." stands for itself."""
    if name.startswith("0x"):
        return bytes.fromhex(name[2:])
    return hashlib.sha256(name.encode()).digest()


def envelope_bytes(text: str) -> bytes:
    """An envelope: "" for none, "0x..." for itself, "bytes:N" for N bytes."""
    if text.startswith("bytes:"):
        return b"\xee" * int(text.removeprefix("bytes:"))
    return bytes.fromhex(text.removeprefix("0x"))


def design_of(text: str) -> Design:
    """A design from "shape/size/scent"."""
    shape, size, scent = text.split("/")
    return Design(int(shape), int(size), int(scent))


def request_of(item: Mapping[str, Any]) -> OrderRequest:
    """An order request from a step; what a step leaves out is ordinary."""
    return OrderRequest(
        design=design_of(item.get("design", "0/0/0")),
        quantity=int(item.get("quantity", 1)),
        maximum_price=int(item.get("maximum_price", 2**256 - 1)),
        reference=reference_bytes(item["reference"]),
        delivery=envelope_bytes(item.get("delivery", "bytes:64")),
    )
