"""The end of a run on the terminal: a line a target, and what must not be missed."""

from bench.analysis.run import RunResult
from bench.report.sentences import comparisons, size_caveat, target_line, verdict
from bench.report.series.sentences import knee_sentences


def summary_lines(result: RunResult) -> list[str]:
    """Plain lines for a person."""
    lines = [verdict(result), ""]
    for target in result.targets:
        lines.append("- " + target_line(result, target))
        for trial in target.trials:
            lines += [f"  INVALID: {g.sentence}" for g in trial.gates if not g.holds]
            lines += [
                f"  FAILED: {check.name} ({check.detail})"
                for check in trial.checks
                if check.passed is False
            ]
    if result.has_intervals:
        lines += ["", *(f"- {line}" for line in comparisons(result))]
        lines += ["", *(f"- {line}" for line in knee_sentences(result))]
    return [*lines, "", size_caveat(result)]
