"""`chandlery shop deploy|receipt|demo`: a shop on any chain that speaks JSON-RPC."""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shop_contract import demo
from shop_contract.errors import USAGE, ShopError

if TYPE_CHECKING:
    from shop_contract.deploy import Deployment
    from shop_contract.rules.catalogue import Catalogue


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery shop`."""
    parser.description = "the candle shop on a chain: deploy it, try it, keep receipts"
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _configure_deploy(actions.add_parser("deploy", help="deploy a shop, fill it"))
    _configure_receipt(actions.add_parser("receipt", help="keep an order's receipt"))
    demo.configure(actions.add_parser("demo", help="network, shop, page: all at once"))


def _configure_receipt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rpc", metavar="URL", help="JSON-RPC endpoint of a node")
    parser.add_argument(
        "--network", type=Path, metavar="DIR", help="a local network, and its shop"
    )
    parser.add_argument("--shop", metavar="ADDRESS", help="the shop's contract")
    parser.add_argument("--order", type=int, required=True, metavar="ID")
    parser.add_argument("--out", type=Path, required=True, metavar="ORDER.json")
    parser.set_defaults(run=run_receipt)


def _configure_deploy(deploy: argparse.ArgumentParser) -> None:
    deploy.add_argument("--rpc", metavar="URL", help="JSON-RPC endpoint of a node")
    owner = deploy.add_mutually_exclusive_group(required=True)
    owner.add_argument("--key", type=Path, metavar="FILE", help="key file of the owner")
    owner.add_argument(
        "--demo-key",
        "--accounts",
        type=Path,
        metavar="ACCOUNTS",
        help="accounts.json of a local network: its first account is the owner",
    )
    owner.add_argument(
        "--network",
        type=Path,
        metavar="DIR",
        help="a local network: its first endpoint and its first demo account",
    )
    deploy.add_argument(
        "--moulder",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="who moulds (may be repeated; the owner if none)",
    )
    deploy.add_argument(
        "--courier",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="who ships and delivers (may be repeated; the owner if none)",
    )
    deploy.add_argument(
        "--catalogue", type=Path, metavar="FILE", help="another catalogue (JSON)"
    )
    deploy.add_argument("--stock", type=int, metavar="N", help="candles of each design")
    deploy.add_argument(
        "--delivery-key",
        type=Path,
        metavar="FILE",
        help="P-256 private key (PEM) that opens delivery addresses; made if missing "
        "(with --network: delivery.pem in DIR)",
    )
    deploy.add_argument("--json", action="store_true", help="print one JSON document")
    deploy.set_defaults(run=run_deploy)


def run_deploy(arguments: argparse.Namespace) -> int:
    """Deploy, open, and print where the shop is."""
    from shop_contract.deploy import Opening, deploy_shop
    from shop_contract.jsonrpc import JsonRpc

    owner = _owner(arguments)
    opening = Opening(
        catalogue=_catalogue(arguments),
        moulders=_addresses(arguments.moulder) or (owner.address,),
        couriers=_addresses(arguments.courier) or (owner.address,),
        delivery_key=_delivery_key(arguments),
    )
    report = _silent if arguments.json else _progress
    deployment = deploy_shop(JsonRpc(_endpoint(arguments)), owner, opening, report)
    if arguments.network is not None:
        leave_notes(arguments.network, deployment)
    document = asdict(deployment)
    if arguments.json:
        print(json.dumps(document, indent=1))
    else:
        for name, value in document.items():
            print(f"{name.replace('_', ' '):<13}{value}")
    return 0


def run_receipt(arguments: argparse.Namespace) -> int:
    """Write an order's receipt to a file."""
    from shop_contract.jsonrpc import JsonRpc
    from shop_contract.receipt import find_shop, make_receipt

    endpoint = _endpoint(arguments)
    if arguments.shop is not None:
        (shop,) = _addresses([arguments.shop])
    else:
        shop = find_shop(endpoint)
    receipt = make_receipt(JsonRpc(endpoint), shop, arguments.order)
    arguments.out.write_text(json.dumps(receipt, indent=1) + "\n")
    print(f"wrote {arguments.out}; check it anywhere, without a connection:")
    print(f"chandlery verify {arguments.out} --trust genesis.json")
    return 0


def leave_notes(network: Path, deployment: "Deployment") -> None:
    """Tell every node of a local network where the shop is, for the page it shows."""
    note = {"address": deployment.address.lower(), "block": deployment.block}
    text = json.dumps(note) + "\n"
    nodes = [path.parent for path in network.glob("*/node.toml")]
    for folder in (network, *nodes):
        (folder / "shop.json").write_text(text)


def _silent(line: str) -> None:
    """With --json nothing but the document is printed."""


def _progress(line: str) -> None:
    print(line, file=sys.stderr)


def _owner(arguments: argparse.Namespace) -> Any:
    from shop_contract.keys import load_account, load_demo_accounts

    if arguments.key is not None:
        return load_account(arguments.key)
    path = arguments.demo_key or arguments.network / "accounts.json"
    return load_demo_accounts(path)[0]


def _endpoint(arguments: argparse.Namespace) -> str:
    if arguments.rpc is not None:
        return str(arguments.rpc)
    if arguments.network is None:
        raise ShopError("name a node's endpoint with --rpc URL", USAGE)
    path = arguments.network / "descriptor.json"
    try:
        endpoint = json.loads(path.read_text())["endpoints"][0]["url"]
    except (OSError, ValueError, LookupError, TypeError):
        raise ShopError(
            f"{path} names no endpoint: is this a network's directory?", USAGE
        ) from None
    return str(endpoint)


def _catalogue(arguments: argparse.Namespace) -> "Catalogue":
    from shop_contract.rules.catalogue import default_catalogue, parse_catalogue
    from shop_contract.rules.limits import MAX_STOCK

    if arguments.catalogue is None:
        catalogue = default_catalogue()
    else:
        try:
            catalogue = parse_catalogue(json.loads(arguments.catalogue.read_text()))
        except (OSError, ValueError) as error:
            raise ShopError(f"{arguments.catalogue}: {error}", USAGE) from None
    if arguments.stock is None:
        return catalogue
    if not 0 <= arguments.stock <= MAX_STOCK:
        raise ShopError(f"--stock must be between 0 and {MAX_STOCK}", USAGE)
    skus = {d: replace(s, stock=arguments.stock) for d, s in catalogue.skus.items()}
    return replace(catalogue, skus=skus)


def _addresses(texts: list[str]) -> tuple[str, ...]:
    from eth_utils.address import is_address, to_checksum_address

    for text in texts:
        if not is_address(text):
            raise ShopError(f"{text!r} is no address (0x and 40 hex digits)", USAGE)
    return tuple(to_checksum_address(text) for text in texts)


def _delivery_key(arguments: argparse.Namespace) -> bytes | None:
    path: Path | None = arguments.delivery_key
    if path is None and arguments.network is not None:
        path = arguments.network / "delivery.pem"
    if path is None:
        _progress("no --delivery-key: customers cannot seal their addresses yet")
        return None
    from shop_contract.delivery import public_bytes
    from shop_contract.keys import load_or_make_delivery_key

    return public_bytes(load_or_make_delivery_key(path).public_key())
