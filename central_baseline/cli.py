"""`chandlery central`: the ladder from the command line, starting and stopping it."""

import argparse
import json
import sys

from central_baseline.verbs import (
    UP_TIMEOUT_S,
    add_existing,
    add_place,
    configure_more,
    default_folder,
    existing_rung,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery central`."""
    parser.description = "Run the shop on a rung of the centralized ladder."
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    up = verbs.add_parser("up", help="start a rung and print its web address")
    up.add_argument(
        "rung",
        metavar="RUNG",
        help="single, database, vertical, horizontal, replicated, cached or cdn",
    )
    add_place(up)
    up.add_argument("--servers", type=int, help="app servers (horizontal and up)")
    up.add_argument("--replicas", type=int, help="standbys (replicated and up)")
    up.add_argument(
        "--dcs",
        default="raft",
        choices=("raft", "etcd3"),
        help="where the database nodes keep their lease (etcd3: CHANDLERY_ETCD_HOSTS)",
    )
    up.add_argument(
        "--autoscale",
        type=int,
        metavar="MOST",
        help="add app servers under load, up to so many (horizontal and up)",
    )
    up.add_argument(
        "--database-dsn",
        metavar="DSN",
        help="a superuser's, of a PostgreSQL that exists: none is started then "
        "(database, vertical, horizontal)",
    )
    up.add_argument(
        "--detection-s",
        type=float,
        metavar="SECONDS",
        help="take a part that falls silent for dead after so long (horizontal and up; "
        "with standbys 20 at least)",
    )
    up.add_argument("--port", type=int, help="public port (default: any free one)")
    up.add_argument(
        "--foreground", action="store_true", help="stay; Ctrl-C stops everything"
    )
    up.set_defaults(run=run_up)

    down = verbs.add_parser("down", help="stop a rung; its data stays")
    add_existing(down)
    down.set_defaults(run=run_down)

    status = verbs.add_parser("status", help="what runs, and what it has used")
    add_existing(status)
    status.set_defaults(run=run_status)
    configure_more(verbs)


def run_up(arguments: argparse.Namespace) -> int:
    """Start a rung, in the foreground or as a daemon."""
    from central_baseline import commands
    from central_baseline.config import Settings

    settings = Settings(
        rung=arguments.rung,
        folder=(arguments.dir or default_folder(arguments.rung)).absolute(),
        port=arguments.port,
        servers=arguments.servers,
        replicas=arguments.replicas,
        dcs=arguments.dcs,
        autoscale=arguments.autoscale,
        database_dsn=arguments.database_dsn,
        detection_s=arguments.detection_s,
    )
    if arguments.foreground:
        return commands.up_in_foreground(settings, arguments.json)
    result = commands.up(settings, UP_TIMEOUT_S)
    if arguments.json:
        print(json.dumps(result))
    else:
        print(f"{arguments.rung} is up at {', '.join(result['urls'])}")
        print(f"  folder {result['folder']}")
        print(f"  stop   chandlery central down {arguments.rung}{_where(arguments)}")
    return 0


def run_down(arguments: argparse.Namespace) -> int:
    """Stop a rung and say what was stopped."""
    from central_baseline import commands

    rung, folder = existing_rung(arguments)
    stopped = commands.down(folder)
    if arguments.json:
        print(json.dumps({"stopped": stopped}))
    elif stopped is None:
        print(f"{rung} was not running in {folder}")
    else:
        print(f"stopped {', '.join(stopped)}")
    return 0


def run_status(arguments: argparse.Namespace) -> int:
    """Print the components; exit 1 when the rung or a component is not running."""
    from central_baseline import commands

    rung, folder = existing_rung(arguments)
    status = commands.status(folder)
    if arguments.json:
        print(json.dumps(status))
    else:
        for line in commands.status_lines(rung, status):
            print(line)
    healthy = status["up"] and all(
        component["state"] == "running" for component in status["components"]
    )
    return 0 if healthy else 1


def _where(arguments: argparse.Namespace) -> str:
    return f" --dir {arguments.dir}" if arguments.dir else ""


def main() -> int:
    """`python -m central_baseline`."""
    from central_baseline.errors import CentralError

    parser = argparse.ArgumentParser(prog="central_baseline")
    configure(parser)
    arguments = parser.parse_args()
    try:
        return int(arguments.run(arguments))
    except CentralError as error:
        print(f"central_baseline: {error}", file=sys.stderr)
        return error.exit_code
