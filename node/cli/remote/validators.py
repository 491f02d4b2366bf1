"""`chandlery validators list|propose|vote|accept|remove`: who signs, and its changes.

A validator proposes a candidate, a quorum votes for it, the candidate accepts; a quorum
of votes removes a member. Each is a transaction to the validator contract, signed with
the key of a node directory; one change a block.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from node.cli.errors import CommandError, Exit
from node.cli.output import add_json_flag, print_json, print_table
from node.cli.remote.status import DEFAULT_URL
from node.cli.rpc_client import call

GAS = 500_000
RECEIPT_TIMEOUT_S = 60.0
POLL_S = 0.2
VOTES = {
    "propose": ("propose(address)", "propose a candidate, and vote for it"),
    "vote": ("vote_for(address)", "vote for a candidate"),
    "remove": ("vote_against(address)", "vote for removing a validator"),
    "retract": ("retract(address)", "take back the vote on an account"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery validators`."""
    parser.description = "list validators, propose, vote, accept, remove"
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="who signs the next block")
    listing.add_argument("url", nargs="?", default=DEFAULT_URL)
    listing.add_argument("--block", default="latest", help="as of this block")
    add_json_flag(listing)
    listing.set_defaults(run=run_list)
    for name, (signature, text) in VOTES.items():
        action = actions.add_parser(name, help=text)
        action.add_argument("address", help="the account that it is about")
        _add_sender(action)
        action.set_defaults(run=run_vote, signature=signature)
    accept = actions.add_parser("accept", help="become a validator, after the votes")
    _add_sender(accept)
    accept.set_defaults(run=run_vote, signature="accept()", address=None)


def _add_sender(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--node", type=Path, required=True, help="node directory whose key signs"
    )
    action.add_argument("--rpc", default=DEFAULT_URL, metavar="URL")
    add_json_flag(action)


def run_list(arguments: argparse.Namespace) -> int:
    """One row a validator."""
    members = call(
        arguments.url, "qbft_getValidatorsByBlockNumber", _block(arguments.block)
    )
    status = call(arguments.url, "qbft_status")
    known: dict[str, Any] = {row["address"]: row for row in status["validators"]}
    rows = [
        {"address": member, "connected": known.get(member, {}).get("connected")}
        for member in members
    ]
    if arguments.json:
        print_json({"validators": rows, "quorum": status["quorum"]})
        return 0
    print_table(
        ("validator", "connected"),
        [(row["address"], "yes" if row["connected"] else "no") for row in rows],
    )
    print(f"\nquorum: {status['quorum']} of {len(rows)}")
    return 0


def run_vote(arguments: argparse.Namespace) -> int:
    """Send the transaction and wait until it is final."""
    data = _call_data(arguments.signature, arguments.address)
    receipt = _send(arguments.rpc, arguments.node, data)
    if arguments.json:
        print_json(receipt)
    else:
        what = arguments.signature.split("(")[0].replace("_", " ")
        print(f"{what}: final in block {int(receipt['blockNumber'], 16)}")
    return int(Exit.OK)


def _call_data(signature: str, address: str | None) -> bytes:
    from node.primitives.keccak import keccak256

    data = keccak256(signature.encode())[:4]
    if address is None:
        return bytes(data)
    try:
        raw = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 20:
        raise CommandError(f"'{address}' is no address: 0x and 40 hex digits")
    return bytes(data) + raw.rjust(32, b"\0")


def _send(url: str, node: Path, data: bytes) -> dict[str, Any]:
    from eth_account import Account

    from node.chain.validator_contract import VALIDATOR_CONTRACT
    from node.primitives.checksum import to_checksum_address
    from node.storage.keystore import load_node_key

    key = load_node_key(node)
    sender = to_checksum_address(key.address)
    transaction: dict[str, Any] = {
        "from": sender,
        "to": to_checksum_address(VALIDATOR_CONTRACT),
        "data": "0x" + data.hex(),
    }
    call(url, "eth_call", transaction, "latest")  # names the reason of a refusal
    tip = int(call(url, "eth_maxPriorityFeePerGas"), 16)
    transaction |= {
        "nonce": int(call(url, "eth_getTransactionCount", sender, "pending"), 16),
        "chainId": int(call(url, "eth_chainId"), 16),
        "gas": GAS,
        "maxPriorityFeePerGas": tip,
        "maxFeePerGas": 2 * int(call(url, "eth_gasPrice"), 16),
    }
    signed = Account.sign_transaction(transaction, key.secret)
    sent = call(url, "eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
    return _wait(url, sent)


def _wait(url: str, transaction_hash: str) -> dict[str, Any]:
    deadline = time.monotonic() + RECEIPT_TIMEOUT_S
    while time.monotonic() < deadline:
        receipt: dict[str, Any] | None = call(
            url, "eth_getTransactionReceipt", transaction_hash
        )
        if receipt is not None:
            if receipt["status"] != "0x1":
                raise CommandError(
                    "the contract refused it: another change came first in this "
                    "block; look at `chandlery validators list` and try again",
                    Exit.CHECK_FAILED,
                )
            return receipt
        time.sleep(POLL_S)
    raise CommandError(
        f"{transaction_hash} is not final after {RECEIPT_TIMEOUT_S:.0f} s: is there a "
        "quorum? `chandlery doctor` tells",
        Exit.CHECK_FAILED,
    )


def _block(text: str) -> str:
    return hex(int(text)) if text.isdecimal() else text
