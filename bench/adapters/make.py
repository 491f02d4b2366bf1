"""The adapter for a running target, by what its descriptor says."""

import json
from pathlib import Path

from bench.adapters.central import CentralAdapter
from bench.adapters.chain.adapter import ChainAdapter
from bench.adapters.chain.provision import read_funders
from bench.adapters.chain.shop import Shop
from bench.adapters.contract import Adapter
from bench.adapters.synthetic import SyntheticAdapter
from bench.descriptor import Descriptor
from bench.errors import BenchError
from bench.scenario.model import CLIENTS


def make_adapter(
    descriptor: Descriptor, folder: Path, client: str = CLIENTS[0]
) -> Adapter:
    """An adapter that is not open yet. `folder` holds what the target gave its clients
    (credentials for provisioning, funded accounts); `client` carries its HTTP."""
    if descriptor.rung == "synthetic":
        return SyntheticAdapter(descriptor, client)
    if descriptor.world == "central":
        return CentralAdapter(descriptor, folder, client)
    return ChainAdapter(
        [endpoint.url for endpoint in descriptor.endpoints],
        [endpoint.component for endpoint in descriptor.endpoints],
        Shop(shop_address(folder)),
        # The first account is the shop's owner; its nonces are its own.
        read_funders(folder / "accounts.json")[1:],
        client,
    )


def shop_address(folder: Path) -> str:
    """Where the shop is deployed, as `chandlery shop deploy --json` told it."""
    path = folder / "shop.json"
    try:
        return str(json.loads(path.read_text())["address"])
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"{path}: {error!r}; deploy the shop first") from None
