"""A local network on disk: genesis, one directory a node, demo accounts, descriptor.

    DIR/ genesis.json  accounts.json  descriptor.json  nodeN/{node.toml, genesis.json,
         key.json, password, tls/, safety.log, blocks/, state/, logs/, VERSION, LOCK}

Each node directory is complete by itself: it can be moved to a machine of its own.
`accounts.json` holds keys of funded accounts for demonstrations and measurements; it is
readable by its owner alone and belongs to no node.
"""

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from node.chain.genesis import ConsensusConfig, Genesis
from node.chain.genesis_builder import make_genesis
from node.chain.validators import faulty_max, quorum
from node.config import SECTIONS, load_config
from node.networks.ports import free_ports
from node.networks.supervisor import CONTROL_SOCKET
from node.primitives.checksum import to_checksum_address
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address
from node.storage.directory import StateDirectory
from node.storage.keystore import create_node_key, node_address, write_private
from node.transport.certificates import create_certificate

MAX_NODES = 64
DEMO_BALANCE_WEI = 1_000_000 * 10**18
VOTING_BALANCE_WEI = 100 * 10**18
"""What a validator may spend on votes about the validator set."""
NODE_NAME = re.compile(r"node\d+\Z")


class NetworkError(Exception):
    """The network directory cannot be made or used; says why and what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """What `chandlery init` was asked for. Port 0: free ports are chosen now."""

    validators: int = 4
    chain_id: int = 7101
    host: str = "127.0.0.1"
    rpc_port: int = 8545
    p2p_port: int = 30301
    accounts: int = 10
    account_keys: tuple[PrivateKey, ...] = ()
    """Of the funded accounts, instead of fresh ones."""
    balance_wei: int = DEMO_BALANCE_WEI
    consensus: ConsensusConfig = field(default_factory=ConsensusConfig)
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings for every node.toml, as "section.key": value."""


@dataclass(frozen=True, slots=True)
class NodePlace:
    """One node of a network directory."""

    name: str
    directory: Path
    address: Address
    rpc_url: str
    p2p_address: str


def create_network(directory: Path, plan: NetworkPlan) -> list[NodePlace]:
    """Make everything below `directory`. Raises NetworkError."""
    _validate(directory, plan)
    directory.mkdir(parents=True, exist_ok=True)
    names = [f"node{number}" for number in range(1, plan.validators + 1)]
    for name in names:
        (directory / name).mkdir()
    keys = [create_node_key(directory / name) for name in names]
    demo = list(plan.account_keys)
    demo = demo or [PrivateKey.generate() for _ in range(plan.accounts)]
    genesis = make_genesis(
        chain_id=plan.chain_id,
        validators=[key.address for key in keys],
        balances={key.address: plan.balance_wei for key in demo}
        | {key.address: VOTING_BALANCE_WEI for key in keys},
        consensus=plan.consensus,
        timestamp=int(time.time()),
    )
    text = json.dumps(genesis.to_json(), indent=1) + "\n"
    (directory / "genesis.json").write_text(text)
    _write_accounts(directory / "accounts.json", demo, plan.balance_wei)
    count = len(names)
    free = free_ports(plan.host, 2 * count)
    rpc_ports = _ports(plan.rpc_port, count) or free[:count]
    p2p_ports = _ports(plan.p2p_port, count) or free[count:]
    dialled = [
        f"0x{key.address.hex()}@{plan.host}:{port}"
        for key, port in zip(keys, p2p_ports, strict=True)
    ]
    for at, name in enumerate(names):
        node = directory / name
        peers = [peer for other, peer in enumerate(dialled) if other != at]
        settings = {
            "p2p.host": plan.host,
            "p2p.port": p2p_ports[at],
            "p2p.peers": peers,
            "rpc.host": plan.host,
            "rpc.port": rpc_ports[at],
            "executor.threads": _threads(plan.validators),
            **plan.settings,
        }
        (node / "node.toml").write_text(render_toml(settings))
        (node / "genesis.json").write_text(text)
        create_certificate(node / "tls")
        StateDirectory.create(node, genesis.digest, keys[at].address)
    places = read_network(directory)
    write_descriptor(directory, places, genesis)
    return places


def _threads(validators: int) -> int:
    """For each executor of a network that shares this machine's cores; 0 for all."""
    cores = os.cpu_count() or 1
    return 0 if validators == 1 else max(1, cores // validators)


def _validate(directory: Path, plan: NetworkPlan) -> None:
    if not 1 <= plan.validators <= MAX_NODES:
        raise NetworkError(f"--validators must be between 1 and {MAX_NODES}")
    if not 1 <= plan.chain_id < 2**53:
        raise NetworkError("--chain-id must be between 1 and 2^53 - 1")
    if directory.exists() and not directory.is_dir():
        raise NetworkError(f"{directory} is a file; name a directory")
    if directory.exists() and any(directory.iterdir()):
        raise NetworkError(
            f"{directory} is not empty: name a new directory, or delete this one if "
            "its network is no longer wanted"
        )


def _ports(first: int, count: int) -> list[int]:
    """Consecutive ones; none when 0 asks for free ones."""
    return list(range(first, first + count)) if first else []


def _write_accounts(path: Path, keys: Sequence[PrivateKey], balance_wei: int) -> None:
    rows = [
        {
            "address": to_checksum_address(key.address),
            "private_key": "0x" + key.secret.hex(),
            "balance": hex(balance_wei),
        }
        for key in keys
    ]
    write_private(path, json.dumps(rows, indent=1).encode() + b"\n")


def render_toml(settings: dict[str, Any]) -> str:
    """A node.toml with the given settings; all others stay at their defaults."""
    lines = ["# Settings of one node; what is not here has its default."]
    for section, factory in SECTIONS.items():
        known = [f.name for f in fields(factory)]
        given = [key for key in known if f"{section}.{key}" in settings]
        if given:
            lines.append(f"\n[{section}]")
            lines += [
                f"{key} = {_toml_value(settings[f'{section}.{key}'])}" for key in given
            ]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        inner = "".join(f"  {_toml_value(item)},\n" for item in value)
        return f"[\n{inner}]" if value else "[]"
    if isinstance(value, bool):
        return "true" if value else "false"
    # A JSON string is a TOML basic string.
    return json.dumps(value)


def read_network(directory: Path) -> list[NodePlace]:
    """The nodes of a network directory, in order. Raises NetworkError."""
    found = (
        [child for child in directory.iterdir() if NODE_NAME.match(child.name)]
        if directory.is_dir()
        else []
    )
    if not found:
        raise NetworkError(
            f"{directory} holds no network; make one with `chandlery init {directory}`"
        )
    return [_place(node) for node in sorted(found, key=lambda path: int(path.name[4:]))]


def _place(node: Path) -> NodePlace:
    config = load_config(node, environment={})
    return NodePlace(
        name=node.name,
        directory=node,
        address=node_address(node),
        rpc_url=f"http://{config.rpc.host}:{config.rpc.port}",
        p2p_address=f"{config.p2p.host}:{config.p2p.port}",
    )


def write_descriptor(
    directory: Path, places: Sequence[NodePlace], genesis: Genesis
) -> None:
    """What a client of the network needs to know, for the comparison's harness."""
    n = len(places)
    descriptor = {
        "schema": 1,
        "world": "chain",
        "rung": f"validators-{n}",
        "endpoints": [
            {"url": place.rpc_url, "protocol": "jsonrpc", "component": place.name}
            for place in places
        ],
        "control": str((directory / CONTROL_SOCKET).resolve()),
        "components": [
            {"name": place.name, "role": "validator", "address": _hex(place.address)}
            for place in places
        ],
        "links": [
            {"from": a.name, "to": b.name, "address": b.p2p_address}
            for a in places
            for b in places
            if a is not b
        ],
        "chain": {
            "chain_id": genesis.chain_id,
            "genesis_hash": _hex(genesis.digest),
            "genesis": str((directory / "genesis.json").resolve()),
        },
        "durability": (
            f"acknowledged means final: {quorum(n)} of {n} validators hold the block's "
            f"body on disk (fsync) and signed for it; "
            f"lying validators survived: {faulty_max(n)}"
        ),
        "software": {"chandlery": version("chandlery")},
    }
    path = directory / "descriptor.json"
    path.write_text(json.dumps(descriptor, indent=1) + "\n")


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
