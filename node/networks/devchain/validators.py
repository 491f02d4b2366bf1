"""`chandlery dev --validators N`: a real network with the accounts of a dev chain.

The same keys, balances and chain id, so that a test that passes on the dev chain can be
run against consensus unchanged, as long as it uses no dev method: there are none here.
"""

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

from node.chain.genesis import ConsensusConfig
from node.networks.calibration import calibrate
from node.networks.devchain.accounts import BALANCE_WEI, MNEMONIC, derive_accounts
from node.networks.launch import run_foreground
from node.networks.layout import NetworkPlan, create_network, read_network


def run_network(plan: NetworkPlan, directory: Path | None) -> int:
    """Run the validators until Ctrl-C; without a directory in a temporary one."""
    with contextlib.ExitStack() as stack:
        if directory is None:
            made = stack.enter_context(tempfile.TemporaryDirectory(prefix="chandlery-"))
            directory = Path(made) / "net"
        if not directory.exists() or not any(directory.iterdir()):
            create_network(directory, plan)
        run_foreground(directory, read_network(directory), keep_alive=False)
    return 0


def network_plan(
    validators: int,
    chain_id: int,
    rpc_port: int = 0,
    executor: str = "auto",
    mnemonic: str = MNEMONIC,
) -> NetworkPlan:
    """A network on free peer ports whose demo accounts are those of a dev chain."""
    consensus = calibrate(executor).fit(ConsensusConfig(), validators)
    return NetworkPlan(
        validators=validators,
        chain_id=chain_id,
        rpc_port=rpc_port,
        p2p_port=0,
        account_keys=tuple(derive_accounts(mnemonic)),
        balance_wei=BALANCE_WEI,
        consensus=consensus,
        settings={"executor.kind": executor},
    )


def on_host(plan: NetworkPlan, host: str) -> NetworkPlan:
    """The same on another address."""
    return replace(plan, host=host)
