"""`chandlery compare` and `chandlery bench`: what they take and what they print.

Exit codes: 0 measured and every check passed; 1 a check failed; 5 a measurement is
invalid or a target is missing; 2 the command was not understood.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cost.cli import configure_cost
from bench.errors import Exit
from bench.faults.cli import configure_faults
from bench.spof.cli import configure_spof
from bench.sustained.cli import configure_sustained

if TYPE_CHECKING:
    from bench.analysis.run import RunResult


def configure_compare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery compare`."""
    parser.description = (
        "Run the same shop in both worlds, kill a component of each, write the report."
    )
    _run_arguments(parser, "quick")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with a run that was stopped"
    )
    parser.set_defaults(run=_run)


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery bench`."""
    parser.description = "Measure targets under a scenario; make reports of runs."
    commands = parser.add_subparsers(metavar="COMMAND")
    run = commands.add_parser("run", help="measure targets under a scenario")
    run.add_argument("scenario", help="a shipped scenario's name, or a TOML file")
    _run_arguments(run, None)
    run.set_defaults(run=_run)
    configure_sustained(
        commands.add_parser(
            "sustained", help="orders a second that a running network sustains"
        )
    )
    _verb_arguments(commands)
    report = commands.add_parser("report", help="make a run's report again")
    report.add_argument(
        "folder", nargs="?", default="runs/latest", help="default: runs/latest"
    )
    report.add_argument("--json", action="store_true", help="print the results")
    report.set_defaults(run=_report)
    configure_cost(commands.add_parser("cost", help="what an order takes and costs"))
    configure_faults(commands.add_parser("faults", help="which faults can be had here"))
    configure_spof(
        commands.add_parser("spof", help="which component stops what, by trying")
    )


def _verb_arguments(commands: "argparse._SubParsersAction[Any]") -> None:
    """What can be done with runs that are there."""
    diff = commands.add_parser("diff", help="two runs beside each other")
    diff.add_argument("a", type=Path, help="a run's folder, the earlier one")
    diff.add_argument("b", type=Path, help="another run's folder")
    diff.add_argument("--json", action="store_true", help="print one JSON document")
    diff.set_defaults(run=_diff)
    gate = commands.add_parser("gate", help="exit code 0 if a run is good enough")
    gate.add_argument("folder", type=Path, nargs="?", default=Path("runs/latest"))
    gate.add_argument(
        "--against", type=Path, metavar="DIR", help="an earlier run it may not be worse"
    )
    gate.add_argument("--json", action="store_true", help="print one JSON document")
    gate.set_defaults(run=_gate)
    page = commands.add_parser("publish", help="a run as a page of documentation")
    page.add_argument("folder", type=Path, nargs="?", default=Path("runs/latest"))
    page.add_argument("--to", type=Path, required=True, metavar="DIR")
    page.set_defaults(run=_publish)
    again = commands.add_parser("reproduce", help="do a run again by its manifest")
    again.add_argument("manifest", type=Path, help="manifest.json, or a run's folder")
    again.add_argument("--out", default="runs", help="folder of runs (runs)")
    again.add_argument(
        "--workers",
        default="",
        metavar="ADDRESS",
        help="scheduler of the generators, if the run had some elsewhere",
    )
    again.add_argument("--json", action="store_true", help="print the results")
    again.set_defaults(run=_reproduce)


def _diff(arguments: argparse.Namespace) -> int:
    from bench.verbs.commands import diff

    return diff(arguments)


def _gate(arguments: argparse.Namespace) -> int:
    from bench.verbs.commands import gate

    return gate(arguments)


def _publish(arguments: argparse.Namespace) -> int:
    from bench.analysis.run import analyse_run
    from bench.store.folder import RunFolder
    from bench.verbs.publish import publish

    result = analyse_run(RunFolder.open(arguments.folder))
    print(publish(result, arguments.to))
    return Exit.OK


def _reproduce(arguments: argparse.Namespace) -> int:
    from bench.verbs.commands import reproduce

    return _write_report(reproduce(arguments), arguments.json)


def _run_arguments(parser: argparse.ArgumentParser, scenario: str | None) -> None:
    if scenario is not None:
        parser.add_argument(
            "--scenario", default=scenario, help=f"name or TOML file ({scenario})"
        )
    parser.add_argument(
        "--target",
        action="append",
        metavar="NAME",
        help="a rung, validators-N[-pyevm|-native][-plain], chain=URL, "
        "chain=DESCRIPTOR, central=DESCRIPTOR; may be repeated (default: the "
        "scenario's)",
    )
    parser.add_argument("--out", default="runs", help="folder of runs (runs)")
    parser.add_argument("--seed", type=int, help="instead of the scenario's")
    parser.add_argument(
        "--accounts",
        default="",
        metavar="FILE",
        help="funded accounts for chain=URL (default: those of development chains)",
    )
    parser.add_argument(
        "--generators",
        type=int,
        metavar="N",
        help="load from N processes of this machine (default: from this one)",
    )
    parser.add_argument(
        "--workers",
        default="",
        metavar="ADDRESS",
        help="load from the workers of a dask.distributed scheduler, tcp://HOST:8786",
    )
    parser.add_argument("--json", action="store_true", help="print the results")


def _run(arguments: argparse.Namespace) -> int:
    from bench.campaign.pace import expected_minutes
    from bench.compare import Request, resume, run_all, run_loop
    from bench.crew.wish import wish_of
    from bench.progress import Terminal
    from bench.scenario.load import find_scenario, load_scenario

    terminal = Terminal()
    crew = wish_of(arguments.generators, arguments.workers)
    if getattr(arguments, "resume", None) is not None:
        folder = run_loop(resume(arguments.resume, terminal, crew))
        terminal("writing the report")
        return _write_report(folder.path, arguments.json)
    scenario = load_scenario(find_scenario(arguments.scenario))
    targets = tuple(arguments.target or scenario.targets)
    seed = scenario.seed if arguments.seed is None else arguments.seed
    terminal.say(
        f"scenario {scenario.name} ({scenario.size}), seed {seed}, "
        f"{len(targets)} target(s), about {expected_minutes(scenario, targets)} min"
    )
    request = Request(
        scenario, targets, Path(arguments.out), seed, str(arguments.accounts), crew
    )
    folder = run_loop(run_all(request, terminal))
    terminal("writing the report")
    return _write_report(folder.path, arguments.json)


def _report(arguments: argparse.Namespace) -> int:
    return _write_report(Path(arguments.folder), arguments.json)


def _write_report(path: Path, as_json: bool) -> int:
    from bench.analysis.run import analyse_run
    from bench.report.figures import figures_of
    from bench.report.page import write_page
    from bench.report.summary import summary_lines
    from bench.store.folder import RunFolder, write_json

    result = analyse_run(RunFolder.open(path))
    figures = figures_of(result)
    write_json(path / "figures.json", figures)
    page = write_page(result, path / "report.html")
    if as_json:
        json.dump({"report": str(page.resolve()), **figures}, sys.stdout, indent=2)
        print()
    else:
        print("\n".join(["", *summary_lines(result), "", f"report: {page.resolve()}"]))
    return int(_exit_code(result))


def _exit_code(result: "RunResult") -> Exit:
    if not result.passes:
        return Exit.CHECK_FAILED
    return Exit.OK if result.is_valid else Exit.INVALID_MEASUREMENT
