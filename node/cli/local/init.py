"""`chandlery init DIR`: make the directories of a new network."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from node.cli.output import add_json_flag, print_json, print_table

if TYPE_CHECKING:
    from node.networks.layout import NetworkPlan


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery init`."""
    parser.description = "make the directories of a new network"
    parser.add_argument("directory", type=Path)
    add_network_arguments(parser)
    add_json_flag(parser)
    parser.set_defaults(run=run)


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """What a new network may be given; shared with `network up`."""
    parser.add_argument("--validators", type=int, default=4, metavar="N")
    parser.add_argument("--chain-id", type=int, default=7101, metavar="ID")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--rpc-port",
        type=int,
        default=8545,
        metavar="PORT",
        help="JSON-RPC of node1, the others follow; 0 takes free ports",
    )
    parser.add_argument(
        "--p2p-port",
        type=int,
        default=30301,
        metavar="PORT",
        help="peer port of node1, the others follow; 0 takes free ports",
    )
    parser.add_argument(
        "--accounts", type=int, default=10, metavar="N", help="funded demo accounts"
    )
    parser.add_argument(
        "--zero-base-fee", action="store_true", help="a network with free gas"
    )
    parser.add_argument(
        "--gas-limit", type=int, metavar="GAS", help="of a block (default: measured)"
    )
    parser.add_argument(
        "--round-timeout-ms",
        type=int,
        metavar="MS",
        help="of the first round (default: measured)",
    )
    parser.add_argument(
        "--executor", choices=("auto", "native", "pyevm"), help="for every node"
    )
    parser.add_argument(
        "--no-peer-tls",
        action="store_true",
        help="peers talk without TLS: only to measure what TLS costs",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the network and say where it is."""
    from node.networks.layout import create_network

    places = create_network(arguments.directory, plan_of(arguments))
    if arguments.json:
        print_json(
            [
                {key: _plain(value) for key, value in asdict(place).items()}
                for place in places
            ]
        )
        return 0
    print_table(
        ("node", "address", "JSON-RPC", "peers"),
        [(p.name, f"0x{p.address.hex()}", p.rpc_url, p.p2p_address) for p in places],
    )
    print(f"\nStart it with `chandlery network up {arguments.directory}`.")
    return 0


def plan_of(arguments: argparse.Namespace) -> "NetworkPlan":
    """The NetworkPlan that the arguments ask for."""
    from node.chain.genesis import ConsensusConfig
    from node.networks.calibration import calibrate
    from node.networks.layout import NetworkPlan

    consensus = ConsensusConfig(zero_base_fee=arguments.zero_base_fee)
    measured = calibrate(arguments.executor or "auto")
    consensus = measured.fit(consensus, arguments.validators)
    if arguments.gas_limit:
        consensus = replace(consensus, gas_limit=arguments.gas_limit)
    if arguments.round_timeout_ms:
        consensus = replace(consensus, round_timeout_ms=arguments.round_timeout_ms)
    settings: dict[str, object] = {}
    if arguments.executor:
        settings["executor.kind"] = arguments.executor
    if arguments.no_peer_tls:
        settings["p2p.tls"] = False
    return NetworkPlan(
        validators=arguments.validators,
        chain_id=arguments.chain_id,
        host=arguments.host,
        rpc_port=arguments.rpc_port,
        p2p_port=arguments.p2p_port,
        accounts=arguments.accounts,
        consensus=consensus,
        settings=settings,
    )


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, Path) else value
