"""Targets that run elsewhere: any JSON-RPC endpoint by URL, either world by descriptor.

The run neither starts nor stops them, so its trials are not of fresh processes; the
report says so. On a chain every trial gets a shop of its own, so that its books begin
empty. By URL alone there is no supervisor: no fault is injected, no CPU is counted, and
what a block's finality is worth is the endpoint's own promise.

Money comes from `--accounts FILE` (the form of a network's accounts.json), else from
`accounts.json` beside the descriptor, else from the ten accounts that every development
chain endows (anvil, Hardhat, `chandlery dev`).
"""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.adapters.chain.provision import PURSE_WEI, read_funders
from bench.adapters.chain.rpc import Nodes, RpcRefusal
from bench.descriptor import ChainFacts, Descriptor, Endpoint, load_descriptor
from bench.errors import BenchError
from bench.targets.chain import ACCOUNTS, SHOP, deploy_shop, with_client_versions
from bench.targets.launch import Running
from bench.targets.process import TargetError
from bench.targets.spec import TargetSpec

DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk"
DEVELOPMENT_ACCOUNTS = 10
DURABILITY_BY_URL = (
    "acknowledged means in the newest block of the node asked; whether that block can "
    "still be lost or replaced is a matter of the chain's own consensus"
)


class Remote:
    """One target that is there already."""

    def __init__(self, spec: TargetSpec, log_folder: Path) -> None:
        self._spec = spec
        self._log_folder = log_folder
        self._folder = Path(tempfile.mkdtemp(prefix="chandlery-remote-"))

    async def start(self) -> Running:
        """Look at it and, on a chain, deploy a shop; TargetError says what it lacks."""
        spec = self._spec
        if spec.kind == "url":
            descriptor = await describe_endpoint(spec.where)
            return await self._chain(descriptor, None)
        path = Path(spec.where)
        descriptor = load_descriptor(path)
        if descriptor.world == "chain":
            return await self._chain(descriptor, path.parent / ACCOUNTS)
        admin = path.parent / "admin.json"
        if not admin.is_file():
            raise TargetError(
                f"{admin} is missing: the bench provisions and audits by it; copy it "
                "from the rung's folder to the descriptor's"
            )
        return Running(spec.name, descriptor, path.parent)

    async def _chain(self, descriptor: Descriptor, beside: Path | None) -> Running:
        accounts = await self._accounts(descriptor.endpoints[0].url, beside)
        shutil.copyfile(accounts, self._folder / ACCOUNTS)
        (self._folder / ACCOUNTS).chmod(0o600)
        described = await with_client_versions(descriptor)
        url, shop = described.endpoints[0].url, self._folder / SHOP
        await deploy_shop(url, self._folder / ACCOUNTS, shop, self._log_folder)
        return Running(self._spec.name, described, self._folder)

    async def _accounts(self, url: str, beside: Path | None) -> Path:
        """A file of accounts of which the first two at least have money."""
        named = Path(self._spec.accounts) if self._spec.accounts else beside
        if named is None or not (named.is_file() or self._spec.accounts):
            named = self._folder / "development.json"
            named.write_text(json.dumps(development_accounts()))
        funders = read_funders(named)
        if len(funders) < 2 or not await _have_money(url, [f.address for f in funders]):
            raise TargetError(
                f"{url}: the accounts of {named.name} have no money there (two at "
                "least are needed, a shop's owner and a giver); name a file of funded "
                'ones with --accounts: [{"private_key": "0x.."}, ..]'
            )
        return named

    async def stop(self) -> None:
        """Forget what was written here; the target goes on."""
        shutil.rmtree(self._folder, ignore_errors=True)


async def describe_endpoint(url: str) -> Descriptor:
    """What can be known of a chain by one endpoint; TargetError if none answers."""
    nodes = Nodes([url])
    await nodes.open()
    try:
        chain_id = int(await nodes.anywhere("eth_chainId"), 16)
        genesis = await nodes.anywhere("eth_getBlockByNumber", "0x0", False)
    except (BenchError, ValueError, TypeError) as error:
        raise TargetError(
            f"{url} does not answer as an Ethereum node: {error}"
        ) from None
    finally:
        await nodes.close()
    return Descriptor(
        world="chain",
        rung="by URL",
        endpoints=(Endpoint(url, "jsonrpc", "node"),),
        control=None,
        components=(),
        links=(),
        chain=ChainFacts(max(1, chain_id), _hash_of(genesis), ""),
        durability=DURABILITY_BY_URL,
        software={},
    )


def development_accounts() -> list[dict[str, str]]:
    """The ten accounts of the mnemonic that development chains share."""
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    rows = []
    for number in range(DEVELOPMENT_ACCOUNTS):
        path = f"m/44'/60'/0'/0/{number}"
        account = Account.from_mnemonic(DEVELOPMENT_MNEMONIC, account_path=path)
        key = "0x" + bytes(account.key).hex()
        rows.append({"address": account.address, "private_key": key})
    return rows


async def _have_money(url: str, addresses: list[str]) -> bool:
    nodes = Nodes([url])
    await nodes.open()
    try:
        for address in addresses:
            balance = await nodes.anywhere("eth_getBalance", address, "latest")
            if int(balance, 16) < PURSE_WEI:
                return False
    except RpcRefusal as refusal:
        raise TargetError(f"{url} tells no balances: {refusal}") from None
    finally:
        await nodes.close()
    return True


def _hash_of(block: Any) -> str:
    return str(block.get("hash", "unknown")) if isinstance(block, dict) else "unknown"


def with_accounts(specs: list[TargetSpec], accounts: str) -> list[TargetSpec]:
    """The same targets, those that run elsewhere with a file of funded accounts."""
    return [replace(s, accounts=accounts) if s.is_remote else s for s in specs]
