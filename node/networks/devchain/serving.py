"""Runs a dev chain behind JSON-RPC until a signal; prints its accounts."""

import asyncio
import gc
import logging
import signal
import sys

import uvloop

from node.networks.devchain.accounts import BALANCE_WEI
from node.networks.devchain.node import DevNode, DevSettings
from node.primitives.checksum import to_checksum_address

NOISY = ("eth", "aiohttp", "asyncio")
GC_THRESHOLDS = (20_000, 20, 50)
"""A chain only grows: to look for garbage among its blocks as often as Python does by
itself costs a tenth of every transaction."""


def run_dev(settings: DevSettings, quiet: bool) -> int:
    """Serve until SIGINT or SIGTERM; the exit code."""
    level = logging.WARNING if quiet else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stdout)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(_run(settings))
    return 0


async def _run(settings: DevSettings) -> None:
    node = await DevNode.open(settings)
    try:
        url = await node.serve()
        print(banner(node, settings, url), flush=True)
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        await stopped.wait()
    finally:
        await node.close()


def banner(node: DevNode, settings: DevSettings, url: str) -> str:
    """What a developer needs to know: accounts, keys, where, how."""
    lines = ["Accounts (everyone knows their keys: never send real value to them)"]
    for at, key in enumerate(node.keys):
        address = to_checksum_address(key.address)
        lines.append(f"({at}) {address} ({BALANCE_WEI // 10**18} ETH)")
    lines.append("\nPrivate keys")
    lines += [f"({at}) 0x{key.secret.hex()}" for at, key in enumerate(node.keys)]
    lines += [
        f"\nMnemonic:  {settings.mnemonic}",
        f"Chain id:  {node.backend.chain_id}",
        f"Executor:  {node.chain.executor.name}{_remark(node, settings)}",
        f"Sealing:   {_sealing(settings)}",
        f"Height:    {node.chain.head.number}",
        *_token_lines(settings),
        f"\nListening on {url}",
    ]
    return "\n".join(lines)


def _token_lines(settings: DevSettings) -> list[str]:
    """What clients must send, where more than this machine can reach the chain."""
    token = settings.rpc.token
    return [f"Token:     {token} (Authorization: Bearer TOKEN)"] if token else []


def _remark(node: DevNode, settings: DevSettings) -> str:
    if settings.executor == "auto" and node.chain.executor.name == "pyevm":
        return " (plain Python; the native one, many times faster, is not available)"
    return ""


def _sealing(settings: DevSettings) -> str:
    if settings.block_time_s:
        return f"every {settings.block_time_s:g} s"
    return "at once" if settings.automine else "when evm_mine asks for it"
