"""`chandlery dev`: a chain of one process for developing contracts."""

import argparse
import os
import secrets
from pathlib import Path

from node.cli.errors import CommandError

TOKEN_BYTES = 24
TOKEN_VARIABLE = "CHANDLERY_RPC_TOKEN"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery dev`."""
    parser.description = "a development chain: ten known accounts, seals at once"
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="beyond this machine clients need a token: that of the environment's "
        f"{TOKEN_VARIABLE}, or one that is made and shown",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which clients reach it (Host header); can be repeated",
    )
    parser.add_argument("--port", type=int, default=8545, help="0 chooses a free one")
    parser.add_argument(
        "--cors",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a page's origin that may ask; can be repeated",
    )
    parser.add_argument("--chain-id", type=int, default=31_337)
    parser.add_argument("--gas-limit", type=int, default=30_000_000)
    parser.add_argument("--mnemonic", help="of the ten accounts")
    parser.add_argument("--executor", choices=("auto", "native", "pyevm"))
    parser.add_argument(
        "--compat",
        choices=("anvil", "hardhat"),
        help="begin the client version with this name, for tools that look at it",
    )
    parser.add_argument(
        "--dir", type=Path, help="keep the chain here, and go on from what is there"
    )
    sealing = parser.add_mutually_exclusive_group()
    sealing.add_argument(
        "--block-time", type=float, metavar="S", help="seal every S seconds instead"
    )
    sealing.add_argument(
        "--no-mining", action="store_true", help="seal only when evm_mine asks for it"
    )
    parser.add_argument(
        "--validators",
        type=int,
        metavar="N",
        help="a real network of N validators with the same accounts, without cheats",
    )
    parser.add_argument(
        "--sources",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="of `vyper -f combined_json`: failures are logged with their line",
    )
    parser.add_argument("--quiet", action="store_true", help="log no transactions")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C."""
    if arguments.validators is not None:
        return _run_network(arguments)
    from node.config import RpcConfig
    from node.networks.devchain.accounts import MNEMONIC
    from node.networks.devchain.node import MAX_BATCH, DevSettings
    from node.networks.devchain.serving import run_dev
    from node.networks.devchain.sources.vyper import Sources

    if arguments.block_time is not None and arguments.block_time <= 0:
        raise CommandError("--block-time is a number of seconds above 0")
    settings = DevSettings(
        chain_id=arguments.chain_id,
        executor=arguments.executor or "auto",
        block_time_s=arguments.block_time or 0.0,
        automine=not arguments.no_mining,
        gas_limit=arguments.gas_limit,
        compat=arguments.compat or "",
        mnemonic=arguments.mnemonic or MNEMONIC,
        directory=arguments.dir,
        sources=Sources.read(arguments.sources),
        rpc=RpcConfig(
            host=arguments.host,
            port=arguments.port,
            token=_token_for(arguments.host),
            allowed_hosts=(
                *RpcConfig().allowed_hosts,
                arguments.host,
                *arguments.allow_host,
            ),
            cors_origins=tuple(arguments.cors),
            max_batch=MAX_BATCH,
        ),
    )
    return run_dev(settings, quiet=arguments.quiet)


def _token_for(host: str) -> str:
    """The one given by the environment; beyond this machine there is always one."""
    from node.rpc.token import is_loopback

    given = os.environ.get(TOKEN_VARIABLE, "")
    return given or ("" if is_loopback(host) else secrets.token_urlsafe(TOKEN_BYTES))


def _run_network(arguments: argparse.Namespace) -> int:
    from node.networks.devchain.accounts import MNEMONIC
    from node.networks.devchain.validators import network_plan, on_host, run_network

    for name in ("compat", "block_time", "no_mining", "allow_host"):
        if getattr(arguments, name):
            flag = "--" + name.replace("_", "-")
            raise CommandError(
                f"{flag} is for the dev chain; --validators runs a real network"
            )
    plan = network_plan(
        arguments.validators,
        arguments.chain_id,
        arguments.port,
        arguments.executor or "auto",
        arguments.mnemonic or MNEMONIC,
    )
    return run_network(on_host(plan, arguments.host), arguments.dir)
