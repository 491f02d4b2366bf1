"""`chandlery simulate --seed N`: whole networks in virtual time, faults by seed."""

import argparse
from typing import TYPE_CHECKING, Any

from node.cli.errors import CommandError, Exit
from node.cli.output import add_json_flag, print_json

if TYPE_CHECKING:
    from node.simulation.plan import Plan
    from node.simulation.run import Outcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery simulate`."""
    parser.description = "whole networks in virtual time, with faults by seed"
    parser.add_argument("--seed", type=int, required=True, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds (1)")
    parser.add_argument("--size", type=int, help="so many validators, 1 to 13")
    parser.add_argument(
        "--keep",
        metavar="N,N",
        help="only the faults at these positions of the schedule",
    )
    parser.add_argument(
        "--shrink", action="store_true", help="drop faults while the seed still fails"
    )
    parser.add_argument(
        "--until-failure", action="store_true", help="stop at the first seed that fails"
    )
    parser.add_argument("--log", metavar="FILE", help="write the event log (one seed)")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 when every seed is clean, 1 otherwise."""
    if arguments.count < 1 or (arguments.log and arguments.count > 1):
        raise CommandError("--count is 1 or more; with --log it is 1")
    outcomes, failed = list["Outcome"](), False
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        outcome = _simulate(_plan(arguments, seed), arguments.log)
        outcomes.append(outcome)
        failed = failed or not outcome.verdict.is_clean
        if not arguments.json:
            _print(outcome, is_only=arguments.count == 1)
            if arguments.shrink and not outcome.verdict.is_clean:
                _print_shrunk(outcome)
        if failed and arguments.until_failure:
            break
    bad = [o for o in outcomes if not o.verdict.is_clean]
    if arguments.json:
        print_json([_jsonable(outcome) for outcome in outcomes])
    elif arguments.count > 1:
        simulated_s = sum(o.simulated_s for o in outcomes)
        rate = simulated_s / sum(o.cpu_s for o in outcomes)
        print(
            f"{len(outcomes) - len(bad)} of {len(outcomes)} seeds clean; "
            f"{simulated_s:.0f} simulated seconds, {rate:.0f} a second"
        )
    return int(Exit.CHECK_FAILED if bad else Exit.OK)


def _plan(arguments: argparse.Namespace, seed: int) -> "Plan":
    from node.simulation.plan import plan_of

    if arguments.size is not None and not 1 <= arguments.size <= 13:
        raise CommandError("--size is 1 to 13 validators")
    plan = plan_of(seed, arguments.size)
    if arguments.keep is None:
        return plan
    try:
        kept = tuple(int(word) for word in arguments.keep.split(",") if word)
    except ValueError:
        raise CommandError("--keep takes positions like 0,3,5") from None
    return plan.with_faults(kept)


def _simulate(plan: "Plan", log: str | None) -> "Outcome":
    from node.simulation.run import simulate
    from node.simulation.trace import TraceWriter

    if log is None:
        return simulate(plan)
    with open(log, "w", encoding="utf-8") as file:
        trace = TraceWriter(file)
        outcome = simulate(plan, trace.record)
        trace.finish(outcome.lines)
    return outcome


def _print(outcome: "Outcome", is_only: bool) -> None:
    verdict = "clean" if outcome.verdict.is_clean else "FAILS"
    plan = outcome.plan
    print(
        f"seed {plan.seed}: {verdict}; {plan.size} validators, height "
        f"{outcome.height}, {outcome.acknowledged} transactions acknowledged, "
        f"{outcome.simulated_s:.1f} s in {outcome.cpu_s:.2f} s, log {outcome.digest}"
    )
    if is_only or not outcome.verdict.is_clean:
        for position, line in enumerate(plan.lines()):
            print(f"  {position:>2}  {line}")
        for finding in outcome.verdict.findings:
            print(f"  !   {finding}")


def _print_shrunk(outcome: "Outcome") -> None:
    from node.simulation.shrink import shrink

    kept = shrink(outcome.plan)
    words = ",".join(map(str, kept))
    print(f"  it still fails with --seed {outcome.plan.seed} --keep {words or ','}")


def _jsonable(outcome: "Outcome") -> dict[str, Any]:
    plan = outcome.plan
    return {
        "seed": plan.seed,
        "clean": outcome.verdict.is_clean,
        "findings": list(outcome.verdict.findings),
        "validators": plan.size,
        "schedule": plan.lines(),
        "height": outcome.height,
        "acknowledged": outcome.acknowledged,
        "recovery_s": outcome.recovery_s,
        "simulated_s": outcome.simulated_s,
        "cpu_s": outcome.cpu_s,
        "log_digest": outcome.digest,
    }
