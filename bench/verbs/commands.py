"""`chandlery bench diff|gate|reproduce`: what they print and return."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from bench.analysis.run import RunResult, analyse_run
from bench.compare import Request, run_all, run_loop
from bench.crew.wish import CrewWish, same_crew
from bench.errors import BenchError, Exit
from bench.progress import Terminal
from bench.scenario.load import parse_scenario
from bench.store.folder import MANIFEST, RunFolder, read_json
from bench.store.manifest import machine_facts, package_versions
from bench.verbs.difference import conditions, differences
from bench.verbs.gate import conditions_of, exit_code_of


def diff(arguments: argparse.Namespace) -> int:
    """Print what differed; the exit code is 0 whatever it was."""
    a, b = _result(arguments.a), _result(arguments.b)
    about = conditions(a.manifest, b.manifest)
    found = differences(a, b)
    only = sorted({t.name for t in a.targets} ^ {t.name for t in b.targets})
    if arguments.json:
        lines: list[dict[str, Any]] = [
            {
                "target": d.target,
                "load": d.load,
                "metric": d.metric.name,
                "finding": d.verdict.finding.value,
                "ratio": d.verdict.point,
                "interval": None
                if d.verdict.interval is None
                else [d.verdict.interval.low, d.verdict.interval.high],
            }
            for d in found
        ]
        document = {"conditions": about, "only_in_one": only, "figures": lines}
        print(json.dumps(document, indent=2))
        return Exit.OK
    print(_headed("The runs differ in", about, "nothing that is recorded"))
    if only:
        print(f"Only one of them has: {', '.join(only)}\n")
    print(_headed("Second over first", [d.sentence for d in found], "nothing in both"))
    return Exit.OK


def gate(arguments: argparse.Namespace) -> int:
    """Print every condition; the exit code says whether all hold."""
    result = _result(arguments.folder)
    earlier = None if arguments.against is None else _result(arguments.against)
    found = conditions_of(result, earlier)
    code = exit_code_of(found)
    if arguments.json:
        rows = [
            {**dataclasses.asdict(c), "failure": int(c.failure), "holds": c.holds}
            for c in found
        ]
        print(json.dumps({"passes": code is Exit.OK, "conditions": rows}, indent=2))
        return int(code)
    for condition in found:
        word = "holds " if condition.holds else "FAILS "
        print(f"{word} {condition.name}: {condition.detail}")
    print("the gate is open" if code is Exit.OK else f"the gate is shut ({int(code)})")
    return int(code)


def reproduce(arguments: argparse.Namespace) -> Path:
    """Do a run again as its manifest says, and print how the two compare. Returns the
    new run's folder."""
    path: Path = arguments.manifest
    if path.is_dir():
        path = path / MANIFEST
    manifest = read_json(path)
    for field in ("scenario_source", "target_texts", "seed"):
        if field not in manifest:
            raise BenchError(
                f"{path} does not hold '{field}': it was made before runs could be "
                "done again; name a newer one"
            )
    now = {"packages": package_versions(), "machine": machine_facts(path.parent)}
    about = conditions({k: manifest[k] for k in now}, now)
    terminal = Terminal()
    terminal.say(
        _headed("This differs from then in", about, "nothing recorded").strip()
    )
    scenario = parse_scenario(manifest["scenario_source"], "manifest's scenario")
    request = Request(
        scenario,
        tuple(manifest["target_texts"]),
        Path(arguments.out),
        int(manifest["seed"]),
        str(manifest.get("accounts", "")),
        same_crew(
            manifest.get("generators"),
            None if not arguments.workers else CrewWish(None, arguments.workers),
        ),
    )
    folder = run_loop(run_all(request, terminal))
    if (path.parent / "targets").is_dir():
        found = differences(_result(path.parent), _result(folder.path))
        print(_headed("Now over then", [d.sentence for d in found], "nothing in both"))
    return Path(folder.path)


def _result(path: Path) -> RunResult:
    return analyse_run(RunFolder.open(path))


def _headed(head: str, lines: list[str], none: str) -> str:
    return f"{head}:\n" + "".join(f"- {line}\n" for line in lines or [none])
