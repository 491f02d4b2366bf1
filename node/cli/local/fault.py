"""`chandlery fault DIR kill|pause|resume|restart NODE`: break a local network."""

import argparse
from pathlib import Path

from node.cli.output import add_json_flag, print_json

OPERATIONS = {
    "kill": "kill -9; the node stays down until `restart`",
    "pause": "stop the process without ending it (SIGSTOP)",
    "resume": "let a paused process go on",
    "restart": "start a dead node, or stop and start a running one",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery fault`."""
    parser.description = "kill, pause, resume or restart a node of a local network"
    parser.add_argument("directory", type=Path)
    actions = parser.add_subparsers(metavar="OPERATION", required=True)
    for name, text in OPERATIONS.items():
        action = actions.add_parser(name, help=text)
        action.add_argument("node", help="as `network status` names it, e.g. node2")
        add_json_flag(action)
        action.set_defaults(run=run, op=name)


def run(arguments: argparse.Namespace) -> int:
    """Ask the supervisor for it."""
    from node.networks.control import call_control
    from node.networks.supervisor import CONTROL_SOCKET

    extra = {"restart_after_s": -1} if arguments.op == "kill" else {}
    socket = arguments.directory / CONTROL_SOCKET
    call_control(socket, arguments.op, component=arguments.node, **extra)
    if arguments.json:
        print_json({"op": arguments.op, "component": arguments.node})
    else:
        print(f"{arguments.op}: {arguments.node}")
    return 0
