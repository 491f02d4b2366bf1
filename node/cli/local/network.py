"""`chandlery network up|down|status`: a local network of real processes."""

import argparse
from pathlib import Path
from typing import Any

from node.cli.errors import CommandError, Exit
from node.cli.local.init import add_network_arguments, plan_of
from node.cli.output import add_json_flag, print_json, print_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery network`."""
    parser.description = "run a local network: up, down, status"
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    up = actions.add_parser("up", help="make the network if there is none, start it")
    up.add_argument("directory", type=Path)
    up.add_argument(
        "--foreground", action="store_true", help="stay until Ctrl-C ends all nodes"
    )
    up.add_argument(
        "--keep-alive", action="store_true", help="restart nodes that were killed, too"
    )
    add_network_arguments(up)
    add_json_flag(up)
    up.set_defaults(run=run_up)

    for name, run, text in (
        ("down", run_down, "stop all nodes and their supervisor"),
        ("status", run_status, "processes, heights, peers"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("directory", type=Path)
        add_json_flag(action)
        action.set_defaults(run=run)


def run_up(arguments: argparse.Namespace) -> int:
    """Start; return when every node answers, or stay with --foreground."""
    from node.networks.launch import run_foreground, start_background
    from node.networks.layout import create_network, read_network

    directory: Path = arguments.directory
    if not directory.exists() or not any(directory.iterdir()):
        create_network(directory, plan_of(arguments))
    places = read_network(directory)
    if arguments.foreground:
        run_foreground(directory, places, arguments.keep_alive)
        return 0
    start_background(directory, places, arguments.keep_alive)
    return run_status(arguments)


def run_down(arguments: argparse.Namespace) -> int:
    """Stop everything; says what was stopped."""
    from node.networks.launch import stop_background

    stopped = stop_background(arguments.directory)
    if arguments.json:
        print_json({"stopped": stopped})
    else:
        print(f"stopped: {', '.join(stopped) or 'nothing was running'}")
    return 0


def run_status(arguments: argparse.Namespace) -> int:
    """One row a node. Exit code 1 when a node is not running or does not answer."""
    rows = _status_rows(arguments.directory)
    healthy = all(row["height"] is not None for row in rows)
    if arguments.json:
        print_json({"nodes": rows, "healthy": healthy})
    else:
        print_table(
            ("node", "state", "pid", "height", "round", "peers", "JSON-RPC"),
            [
                [
                    "-" if row[key] is None else row[key]
                    for key in ("name", "state", "pid", "height", "round", "peers")
                ]
                + [row["url"]]
                for row in rows
            ],
        )
    return int(Exit.OK if healthy else Exit.CHECK_FAILED)


def _status_rows(directory: Path) -> list[dict[str, Any]]:
    from node.cli.rpc_client import call
    from node.networks.control import ControlError, call_control
    from node.networks.layout import read_network
    from node.networks.supervisor import CONTROL_SOCKET

    places = read_network(directory)
    try:
        listed = call_control(directory / CONTROL_SOCKET, "list")["components"]
    except ControlError:
        listed = []  # nodes may run without a supervisor, each by `chandlery start`
    processes = {row["name"]: row for row in listed}
    rows = []
    for place in places:
        process = processes.get(place.name, {})
        row: dict[str, Any] = {
            "name": place.name,
            "address": "0x" + place.address.hex(),
            "url": place.rpc_url,
            "state": process.get("state", "not supervised"),
            "pid": process.get("pid"),
            "exit": process.get("exit"),
            "height": None,
            "round": None,
            "peers": None,
        }
        if process.get("state") != "paused":
            try:
                status = call(place.rpc_url, "qbft_status", timeout_s=3)
                row["height"] = status["head"]["height"]
                row["round"] = status["consensus"]["round"]
                row["peers"] = len(status["peers"])
            except CommandError:
                pass  # the row says that it did not answer
        rows.append(row)
    return rows
