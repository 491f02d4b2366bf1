"""`chandlery bench spof RUNG...`: which component stops what, found out by trying."""

import argparse
import json
import sys
from pathlib import Path

from bench.errors import BenchError, Exit

HOLD_S_MIN, HOLD_S_MAX = 5.0, 30.0


def configure_spof(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery bench spof`."""
    parser.description = (
        "Break each component of each target in turn and say what every operation does."
    )
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="single, ...")
    parser.add_argument(
        "--fault",
        action="append",
        metavar="KIND",
        help="kill, pause, partition, one-way, loss, delay or disk-full; may be "
        "repeated (default: kill, pause and partition)",
    )
    parser.add_argument(
        "--component",
        action="append",
        default=[],
        metavar="NAME",
        help="only this one, or `primary`, whoever that is then; may be repeated "
        "(default: all, and the primary where there is one)",
    )
    parser.add_argument(
        "--hold",
        type=float,
        default=HOLD_S_MAX,
        metavar="SECONDS",
        help=f"the longest a fault is held ({HOLD_S_MAX:g}); it ends sooner when "
        "everything works again",
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        help="put it into this run's folder, so that its report shows it",
    )
    parser.add_argument("--out", default="runs", help="else: folder of runs (runs)")
    parser.add_argument("--json", action="store_true", help="print the matrices")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 when measured and nothing lost, 1 when an order was, 5 when a target
    could not be measured."""
    from bench.compare import run_loop
    from bench.faults.saboteur import KINDS
    from bench.progress import Terminal
    from bench.spof.matrix import SPOF_FILE, as_json, save
    from bench.spof.run import FAULTS, SpofPlan, run_matrix
    from bench.spof.table import lines
    from bench.store.folder import folder_for
    from bench.targets.spec import parse_targets

    specs = parse_targets(tuple(arguments.targets))
    faults = tuple(arguments.fault or FAULTS)
    for fault in faults:
        if fault not in KINDS:
            raise BenchError(f"there is no fault '{fault}'; there are {list(KINDS)}")
    if arguments.hold < HOLD_S_MIN:
        raise BenchError(f"--hold must be {HOLD_S_MIN:g} s at least")
    folder = folder_for("spof", arguments.into, Path(arguments.out))
    terminal = Terminal()
    plans = [
        SpofPlan(
            spec.text,
            folder / "spof" / spec.name,
            faults,
            tuple(arguments.component),
            HOLD_S_MIN,
            arguments.hold,
        )
        for spec in specs
    ]
    matrices = []
    for plan in plans:
        terminal.prefix = f"{plan.target}: "
        matrices.append(run_loop(run_matrix(plan, terminal)))
        save(folder / SPOF_FILE, matrices)
    terminal.prefix = ""
    if arguments.json:
        json.dump([as_json(matrix) for matrix in matrices], sys.stdout, indent=2)
        print()
    else:
        for matrix in matrices:
            print("\n".join(["", *lines(matrix)]))
        print(f"\nwritten to {(folder / SPOF_FILE).resolve()}")
    if any(cell.lost or cell.duplicated for m in matrices for cell in m.cells):
        return Exit.CHECK_FAILED
    if any(matrix.missing is not None for matrix in matrices):
        return Exit.INVALID_MEASUREMENT
    return Exit.OK
