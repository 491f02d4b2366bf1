"""`chandlery bench cost TARGET...`: what an order takes, and what that would cost."""

import argparse
import json
import sys
from pathlib import Path

from bench.errors import Exit


def configure_cost(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery bench cost`."""
    parser.description = (
        "CPU, bytes sent, fsyncs and disk of an order by component, priced by a list."
    )
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="single, ...")
    parser.add_argument("--seconds", type=float, default=20.0, help="under load (20)")
    parser.add_argument(
        "--rate", type=float, default=20.0, help="sessions/s offered (20)"
    )
    parser.add_argument(
        "--prices", type=Path, metavar="FILE", help="price list (default: an example)"
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        help="put it into this run's folder, so that its report shows it",
    )
    parser.add_argument("--out", default="runs", help="else: folder of runs (runs)")
    parser.add_argument("--json", action="store_true", help="print the figures")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 when every target was measured, 5 otherwise."""
    from bench.compare import run_loop
    from bench.cost.prices import load_prices
    from bench.cost.run import COST_FILE, CostPlan, run_cost, save
    from bench.cost.table import as_json, lines
    from bench.progress import Terminal
    from bench.store.folder import folder_for
    from bench.targets.spec import parse_targets

    prices = load_prices(arguments.prices)
    specs = parse_targets(tuple(arguments.targets))
    folder = folder_for("cost", arguments.into, Path(arguments.out))
    terminal = Terminal()
    results = []
    for spec in specs:
        terminal.prefix = f"{spec.name}: "
        plan = CostPlan(
            spec.text, folder / "cost" / spec.name, arguments.seconds, arguments.rate
        )
        results.append(run_loop(run_cost(plan, terminal)))
        save(folder / COST_FILE, results, prices.source)
    if arguments.json:
        json.dump([as_json(result, prices) for result in results], sys.stdout, indent=1)
        print()
    else:
        for result in results:
            print("\n".join(["", *lines(result, prices)]))
        print(f"\nwritten to {(folder / COST_FILE).resolve()}")
    whole = all(result.demand is not None for result in results)
    return Exit.OK if whole else Exit.INVALID_MEASUREMENT
