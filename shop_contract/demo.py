"""`chandlery shop demo`: a network, a shop on it, a few orders, the pages' addresses.

Networks are made and ended by their own commands, as a person would; this package knows
nothing of the node. Keys of demonstration accounts go into the addresses as fragments,
which browsers never send.
"""

import argparse
import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shop_contract.errors import ShopError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from shop_contract.jsonrpc import JsonRpc

PLACE_GAS = 400_000
STEP_GAS = 150_000
# (design, quantity, address, the steps the shop has taken)
ORDERS = (
    ((0, 1, 1), 2, "Ada Wick\n12 Tallow Lane\nBeeswax", ("mould", "ship")),
    ((3, 2, 4), 1, "Grace Taper\n3 Snuffer Row\nStearin", ("mould",)),
    ((1, 0, 2), 6, "Alan Flint\n7 Match Street\nTinder", ()),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery shop demo`."""
    parser.description = "network up, shop deployed and filled, addresses printed"
    parser.add_argument("--validators", type=int, default=4, metavar="N")
    parser.add_argument(
        "--dir", type=Path, metavar="DIR", help="keep the network here (default: none)"
    )
    parser.add_argument(
        "--rpc-port", type=int, default=0, metavar="PORT", help="0 takes free ports"
    )
    parser.add_argument(
        "--leave-up", action="store_true", help="do not wait: leave the network running"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Stay until Ctrl-C, then stop and remove what was started."""
    kept: Path | None = arguments.dir
    if kept is None and arguments.leave_up:
        raise ShopError("--leave-up needs --dir, to stop the network by later", 2)
    directory = kept or Path(tempfile.mkdtemp(prefix="chandlery-demo-")) / "network"
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        _chandlery(
            *("network", "up", str(directory), "--validators"),
            *(str(arguments.validators), "--p2p-port", "0"),
            *("--rpc-port", str(arguments.rpc_port)),
        )
        _open_shop(directory)
        _say_where(directory, arguments.validators)
        if not arguments.leave_up:
            _wait(stop)
    finally:
        if not arguments.leave_up:
            if (directory / "control.sock").exists():
                _chandlery("network", "down", str(directory))
            if kept is None:
                shutil.rmtree(directory.parent, ignore_errors=True)
    return 0


def _wait(stop: threading.Event) -> None:
    try:
        print("Ctrl-C stops all.", flush=True)
        stop.wait()
    except KeyboardInterrupt:
        print()


def _chandlery(*words: str) -> None:
    command = [sys.executable, "-m", "node", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = ended.stderr.strip().removeprefix("chandlery: ")
        raise ShopError(f"`chandlery {' '.join(words)}` failed: {said}")


def _open_shop(directory: Path) -> None:
    from shop_contract.cli import leave_notes
    from shop_contract.delivery import public_bytes
    from shop_contract.deploy import Opening, deploy_shop
    from shop_contract.jsonrpc import JsonRpc
    from shop_contract.keys import load_demo_accounts, load_or_make_delivery_key
    from shop_contract.rules.catalogue import default_catalogue

    rpc = JsonRpc(_endpoints(directory)[0])
    owner, *customers = load_demo_accounts(directory / "accounts.json")
    key = public_bytes(
        load_or_make_delivery_key(directory / "delivery.pem").public_key()
    )
    staff = (owner.address,)
    opening = Opening(default_catalogue(), staff, staff, key)
    deployment = deploy_shop(rpc, owner, opening, _say)
    _place_orders(rpc, bytes.fromhex(deployment.address[2:]), (owner, customers), key)
    leave_notes(directory, deployment)


def _place_orders(
    rpc: "JsonRpc",
    shop: bytes,
    people: "tuple[LocalAccount, list[LocalAccount]]",
    key: bytes,
) -> None:
    """A few orders, so that the board has something on it."""
    from shop_contract.codec import encode_call
    from shop_contract.delivery import seal
    from shop_contract.deploy import Sender
    from shop_contract.rules.catalogue import Design, default_catalogue

    owner, customers = people
    shopkeeper = Sender(rpc, owner, 60.0)
    skus = default_catalogue().skus
    for number, (design, quantity, address, steps) in enumerate(ORDERS, start=1):
        buyer = customers[(number - 1) % len(customers)]
        price = skus[Design(*design)].price
        envelope = seal(address, key, shop + bytes.fromhex(buyer.address[2:]))
        placing = (*design, quantity, price, secrets.token_bytes(32), envelope)
        sender = Sender(rpc, buyer, 60.0)
        call = encode_call("place", *placing)
        sender.receipt(sender.send(shop, call, PLACE_GAS, price * quantity))
        for step in steps:
            sent = shopkeeper.send(shop, encode_call(step, number), STEP_GAS)
            shopkeeper.receipt(sent)


def _say_where(directory: Path, validators: int) -> None:
    endpoints = _endpoints(directory)
    accounts: list[dict[str, Any]] = json.loads(
        (directory / "accounts.json").read_text()
    )
    print(f"\nThe shop is open on a chain of {validators} validators.\n")
    print(f"  look around     {endpoints[0]}/shop/")
    print(f"  as a customer   {endpoints[0]}/shop/#key={accounts[1]['private_key']}")
    print(f"  as the owner    {endpoints[-1]}/shop/#key={accounts[0]['private_key']}")
    print(f"\nThe board opens customers' addresses with {directory / 'delivery.pem'}.")
    print("These keys are for this demonstration: never give them money of worth.")


def _endpoints(directory: Path) -> list[str]:
    descriptor = json.loads((directory / "descriptor.json").read_text())
    return [endpoint["url"] for endpoint in descriptor["endpoints"]]


def _say(line: str) -> None:
    print(line, file=sys.stderr)
