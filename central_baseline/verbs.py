"""Verbs for whoever operates a rung: manifests, switchover, restart, bench.

Cheap to import: what a verb needs is loaded when it runs.
"""

import argparse
from pathlib import Path
from typing import TypeAlias

UP_TIMEOUT_S = 90.0
Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def configure_more(verbs: Verbs) -> None:
    """Add the operator's verbs."""
    _configure_manifests(verbs)
    _configure_upkeep(verbs)


def _configure_manifests(verbs: Verbs) -> None:
    manifests = verbs.add_parser(
        "manifests", help="write the rung as files for machines of your own"
    )
    manifests.add_argument("rung", metavar="RUNG", help="a rung of the ladder")
    manifests.add_argument(
        "--format", default="compose", choices=("compose", "kubernetes")
    )
    manifests.add_argument(
        "--out", type=Path, help="folder (default: ./manifests-RUNG-FORMAT)"
    )
    manifests.add_argument("--servers", type=int, help="app servers")
    manifests.add_argument("--replicas", type=int, help="standbys")
    manifests.add_argument(
        "--etcd",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help="an etcd that exists keeps the lease, instead of Raft among the nodes",
    )
    manifests.add_argument(
        "--database-dsn",
        metavar="DSN",
        help="a superuser's, of a PostgreSQL that exists: none is described then",
    )
    manifests.add_argument(
        "--address",
        metavar="REGION=IP",
        action="append",
        default=[],
        help="public address of a region's edge, and of the origin (rung cdn)",
    )
    manifests.add_argument("--domain", help="the name that name servers answer for")
    manifests.set_defaults(run=run_manifests)


def _configure_upkeep(verbs: Verbs) -> None:
    switchover = verbs.add_parser(
        "switchover", help="make another database node the primary, losing nothing"
    )
    add_existing(switchover)
    switchover.add_argument("--to", metavar="NODE", help="default: the best standby")
    switchover.set_defaults(run=run_switchover)

    restart = verbs.add_parser(
        "restart", help="restart components one by one, without an outage"
    )
    add_existing(restart)
    restart.add_argument(
        "--component",
        action="append",
        default=[],
        help="only this one (repeatable); default: all that have a second one",
    )
    restart.set_defaults(run=run_restart)

    bench = verbs.add_parser(
        "bench", help="the rung's orders per second beside pgbench's (about 40 s)"
    )
    add_existing(bench)
    bench.add_argument(
        "--within",
        type=float,
        default=2.0,
        metavar="RATIO",
        help="fail when pgbench is more than so many times faster (default 2)",
    )
    bench.set_defaults(run=run_bench)


def add_place(parser: argparse.ArgumentParser) -> None:
    """--dir and --json."""
    parser.add_argument(
        "--dir", type=Path, help="the rung's folder (default: ./central-RUNG)"
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def add_existing(parser: argparse.ArgumentParser) -> None:
    """Which rung a verb is about."""
    parser.add_argument(
        "rung",
        metavar="RUNG",
        nargs="?",
        help="the rung, or its folder; neither is needed with --dir",
    )
    add_place(parser)


def default_folder(rung: str) -> Path:
    """Where a rung lives unless told otherwise; UsageError for no rung."""
    from central_baseline.rungs import rung_named

    return Path(f"central-{rung_named(rung).name}")


def existing_rung(arguments: argparse.Namespace) -> tuple[str, Path]:
    """The rung that a command is about, by name or by folder, and its folder."""
    from central_baseline.config import Layout
    from central_baseline.errors import RefusedError, UsageError
    from central_baseline.rungs import RUNGS

    named: str | None = arguments.rung
    folder: Path | None = arguments.dir
    if named is not None and named not in RUNGS and folder is None:
        if not Path(named).is_dir():
            default_folder(named)  # says which rungs there are
        folder = Path(named)
        named = None
    if folder is None:
        if named is None:
            raise UsageError("which rung? name it, or its folder with --dir")
        folder = default_folder(named)
    held = Layout(folder).rung()
    if named is None and held is None:
        raise UsageError(f"{folder} is not a rung's folder: 'up' makes one")
    if named is not None and held is not None and named != held:
        raise RefusedError(f"{folder} holds the rung '{held}', not '{named}'")
    return named or held or "", folder.absolute()


def run_manifests(arguments: argparse.Namespace) -> int:
    """Write the manifests and say how to go on."""
    from dataclasses import replace

    from central_baseline.manifests.options import NAME, etcd_hosts, options_for
    from central_baseline.manifests.writing import write_manifests

    options = replace(
        options_for(
            arguments.rung,
            arguments.servers,
            arguments.replicas,
            arguments.database_dsn,
        ),
        etcd_hosts=etcd_hosts(arguments.etcd),
        addresses=_addresses(arguments.address),
        domain=arguments.domain or NAME,
    )
    name = f"manifests-{arguments.rung}-{arguments.format}"
    for path in write_manifests(options, arguments.format, arguments.out or Path(name)):
        print(path)
    return 0


def _addresses(given: list[str]) -> dict[str, str]:
    import ipaddress

    from central_baseline.errors import UsageError

    found = {}
    for entry in given:
        region, _, address = entry.partition("=")
        try:
            found[region] = str(ipaddress.IPv4Address(address))
        except ValueError as error:
            raise UsageError(
                f"--address {entry}: wanted is REGION=IPv4, such as eu=203.0.113.7"
            ) from error
    return found


def run_switchover(arguments: argparse.Namespace) -> int:
    """Hand the primary's role over and say to whom."""
    import json

    from central_baseline import operating

    _, folder = existing_rung(arguments)
    before, after = operating.switchover(folder, arguments.to)
    if arguments.json:
        print(json.dumps({"from": before, "to": after}))
    else:
        print(f"{after} is the primary now, {before} follows it")
    return 0


def run_restart(arguments: argparse.Namespace) -> int:
    """Restart and name each component as it is done."""
    import json

    from central_baseline import operating

    _, folder = existing_rung(arguments)
    done = []
    for name in operating.rolling_restart(folder, arguments.component):
        done.append(name)
        if not arguments.json:
            print(f"restarted {name}", flush=True)
    if arguments.json:
        print(json.dumps({"restarted": done}))
    return 0


def run_bench(arguments: argparse.Namespace) -> int:
    """Measure the rung that is up, or one started for this alone."""
    import json
    import tempfile

    from central_baseline import commands, yardstick
    from central_baseline.config import Layout, Settings
    from central_baseline.rungs import RUNGS

    rung = arguments.rung
    if rung not in RUNGS or arguments.dir or Layout(default_folder(rung)).is_locked():
        rung, folder = existing_rung(arguments)
        measured = yardstick.measure(folder)
    else:
        with tempfile.TemporaryDirectory(prefix="chandlery-bench-") as scratch:
            home = Path(scratch) / "rung"
            commands.up(Settings(rung, home), UP_TIMEOUT_S)
            try:
                measured = yardstick.measure(home)
            finally:
                commands.down(home)
    if arguments.json:
        print(json.dumps({"rung": rung, **measured.document()}))
    else:
        print("\n".join(yardstick.report(rung, measured)))
    return 0 if measured.ratio <= arguments.within else 1
