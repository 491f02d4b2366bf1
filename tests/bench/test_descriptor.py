"""The descriptor's schema: what is accepted, and how each error is named."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bench.descriptor import load_descriptor, parse_descriptor
from bench.errors import BenchError

CHAIN: dict[str, Any] = {
    "schema": 1,
    "world": "chain",
    "rung": "validators-2",
    "endpoints": [
        {"url": "http://127.0.0.1:8545/", "protocol": "jsonrpc", "component": "node1"}
    ],
    "control": "/tmp/n/control.sock",
    "components": [
        {"name": "node1", "role": "validator", "address": "0x01"},
        {"name": "node2", "role": "validator"},
    ],
    "links": [{"from": "node1", "to": "node2", "address": "127.0.0.1:30301"}],
    "chain": {"chain_id": 7001, "genesis_hash": "0xab", "genesis": "/tmp/n/g.json"},
    "durability": "three of four",
    "software": {"chandlery": "0.1.0"},
}


def changed(**changes: Any) -> dict[str, Any]:
    data = copy.deepcopy(CHAIN)
    for name, value in changes.items():
        if value is ...:
            del data[name]
        else:
            data[name] = value
    return data


def test_a_descriptor_survives_its_way_to_the_store_and_back() -> None:
    descriptor = parse_descriptor(CHAIN)
    stored = json.loads(json.dumps(descriptor.as_json()))
    assert parse_descriptor(stored) == descriptor
    assert descriptor.endpoints[0].url == "http://127.0.0.1:8545"


def test_a_central_descriptor_needs_no_chain() -> None:
    central = parse_descriptor(changed(world="central", chain=...))
    assert central.chain is None
    assert parse_descriptor(central.as_json()) == central


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "a table is needed"),
        (changed(schema=2), "schema 2 is unknown"),
        (changed(schema=...), "'schema' is missing"),
        (changed(world="moon"), "world: one of chain, central"),
        (changed(chain=...), "'chain' is missing"),
        (changed(endpoints=[]), "without an endpoint"),
        (changed(control="relative.sock"), "absolute path"),
        (changed(control="/" + "x" * 100), "shorter path"),
        (changed(colour="red"), "unknown field 'colour'"),
        (changed(durability=""), "durability: a non-empty text"),
        (changed(components=CHAIN["components"][:1]), "'node2' is not in components"),
        (changed(components=CHAIN["components"] * 2), "the same name"),
        (
            changed(endpoints=[{**CHAIN["endpoints"][0], "url": "ftp://x"}]),
            "http:// or https:// is needed",
        ),
    ],
)
def test_what_is_wrong_is_named(data: object, words: str) -> None:
    with pytest.raises(BenchError, match=words):
        parse_descriptor(data)


def test_a_missing_file_says_who_should_have_written_it(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="supervisor writes it"):
        load_descriptor(tmp_path / "descriptor.json")


def test_the_component_to_hit_follows_the_order_of_roles() -> None:
    descriptor = parse_descriptor(CHAIN)
    found = descriptor.component_with(("database", "validator"))
    assert found is not None
    assert found.name == "node1"
    assert descriptor.component_with(("balancer",)) is None
