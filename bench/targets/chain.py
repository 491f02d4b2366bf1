"""What any chain needs before it can be measured: the shop on it, and its version.

The shop is deployed by the command that a user types. What a node says of itself
(`web3_clientVersion`: program, version, executor) goes into the descriptor's software,
so that a report names what executed the blocks; so does its round timer, by which a
dead validator is noticed.
"""

import json
from dataclasses import replace
from pathlib import Path

from bench.adapters.chain.rpc import Nodes, RpcRefusal
from bench.adapters.http import Broken
from bench.descriptor import DETECTION, Descriptor
from bench.targets.process import Child, TargetError, console_command

DEPLOY_TIMEOUT_S = 90.0
ACCOUNTS = "accounts.json"
SHOP = "shop.json"


async def deploy_shop(
    url: str, accounts: Path, shop_file: Path, log_folder: Path
) -> None:
    """Put the shop on a chain and keep what it told; TargetError if that fails."""
    words = ["shop", "deploy", "--rpc", url, "--accounts", str(accounts), "--json"]
    log = log_folder / "deploy.log"
    log.unlink(missing_ok=True)
    child = Child([*console_command(), *words], log)
    await child.start()
    if await child.wait(DEPLOY_TIMEOUT_S) != 0:
        raise TargetError(f"'{child.words}' failed; it said: {child.last_words()}")
    shop_file.write_text(child.output_json())


async def with_client_versions(descriptor: Descriptor) -> Descriptor:
    """The descriptor with what its nodes call themselves."""
    nodes = Nodes([endpoint.url for endpoint in descriptor.endpoints])
    await nodes.open()
    versions: dict[str, None] = {}
    try:
        for node in range(len(nodes.urls)):
            try:
                told = await nodes.call(node, "web3_clientVersion")
            except (Broken, RpcRefusal) as error:
                told = f"not told: {error}"
            versions[str(told)] = None
    finally:
        await nodes.close()
    software = {**descriptor.software, "client": ", ".join(versions)}
    timer_s = round_timer_s(descriptor)
    if timer_s is not None:
        software[DETECTION] = f"round timer {timer_s:g} s"
    return replace(descriptor, software=software)


def round_timer_s(descriptor: Descriptor) -> float | None:
    """After how long its validators give up on a silent proposer, by the genesis file;
    None where that cannot be read or says nothing of it."""
    if descriptor.chain is None or not descriptor.chain.genesis:
        return None
    try:
        genesis = json.loads(Path(descriptor.chain.genesis).read_text())
        return float(genesis["config"]["qbft"]["round_timeout_ms"]) / 1000
    except (OSError, ValueError, KeyError, TypeError):
        return None
