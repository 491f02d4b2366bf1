"""A run folder made by hand: every figure in it is known, nothing was measured."""

import dataclasses
from pathlib import Path
from typing import Any

from bench.adapters.contract import Audit, OrderFact, Witness
from bench.history.files import LineWriter
from bench.history.record import Attempt, Record
from bench.scenario.load import SHIPPED, parse_scenario
from bench.scenario.model import Scenario
from bench.store.folder import MANIFEST, RunFolder, write_json
from bench.trial.run import audit_json

MS = 1_000_000
QUICK = (SHIPPED / "quick.toml").read_text()


def _made_scenario() -> Scenario:
    """The quick scenario with phases that are this run's own."""
    phases = {"warmup_s = 4": 8, "guard_s = 1": 2, "after_fault_s = 16": 36}
    text = QUICK
    for line, seconds in phases.items():
        assert line in text
        text = text.replace(line, f"{line.split(' = ')[0]} = {seconds}")
    return parse_scenario(text, "made.toml")


SCENARIO = _made_scenario()
KILL_S = SCENARIO.phases.fault_at_s
ORDERS_PER_S = 10


def descriptor(world: str, rung: str, roles: list[str]) -> dict[str, Any]:
    components = [{"name": f"{r}{n}", "role": r} for n, r in enumerate(roles, 1)]
    data = {
        "schema": 1,
        "world": world,
        "rung": rung,
        "control": "/run/c.sock",
        "endpoints": [
            {
                "url": "http://127.0.0.1:1",
                "protocol": "http",
                "component": components[0]["name"],
            }
        ],
        "components": components,
        "links": [],
        "durability": f"{rung} <promises> & keeps",
        "software": {"server": "1"},
    }
    if world == "chain":
        data["chain"] = {"chain_id": 1, "genesis_hash": "0x1", "genesis": "/g"}
    return data


def record(number: int, latency_ms: float, outcome: str = "ok") -> Record:
    at_ns = int(number / ORDERS_PER_S * 1e9)
    final_ns = at_ns + int(latency_ms * MS)
    return Record(
        session=number,
        step=0,
        customer=number % 7,
        operation="place_order",
        reference=f"{number:064x}",
        quantity=1,
        intended_ns=at_ns,
        sent_ns=at_ns + 1000,
        accepted_ns=None,
        final_ns=final_ns,
        outcome=outcome,
        order=str(number) if outcome == "ok" else None,
        amount=100 if outcome == "ok" else None,
        attempts=(Attempt(at_ns + 1000, final_ns, outcome, None),),
    )


def add_target(
    run: RunFolder,
    data: dict[str, Any],
    latency_ms: float,
    outage_s: float,
    number: int = 1,
    facts_of_trial: dict[str, Any] | None = None,
) -> None:
    """One trial of a target whose orders all take `latency_ms`, and fail during its
    outage."""
    folder = run.trial(data["rung"], number)
    history = LineWriter(folder / "history.jsonl")
    facts = []
    has_fault = facts_of_trial is None
    until_s = SCENARIO.phases.load_s if has_fault else SCENARIO.phases.fault_at_s
    for order in range(int(until_s * ORDERS_PER_S)):
        down = KILL_S <= order / ORDERS_PER_S < KILL_S + outage_s
        item = record(order, latency_ms, "failed" if down else "ok")
        browse = dataclasses.replace(
            item,
            operation="browse",
            step=1,
            order=None,
            amount=None,
            reference=f"{order + 10**6:064x}",
        )
        history.record(item)
        history.record(browse)
        if not down:
            facts.append(
                OrderFact(str(order), item.reference, order % 7, "paid", 100, 1)
            )
    history.close()
    names = [component["name"] for component in data["components"]]
    _lines(
        folder / "lag.jsonl",
        [
            {"second": s, "lags_us": [200] * 100, "generator_cpu_ms": 50}
            for s in range(int(SCENARIO.phases.load_s))
        ],
    )
    _lines(
        folder / "components.jsonl",
        [
            {
                "at_ns": int(at_s * 1e9),
                "label": label,
                "components": [
                    {
                        "name": c["name"],
                        "role": c["role"],
                        "cpu_seconds": at_s / 10,
                        "write_bytes": int(at_s * 1000),
                        "rss_bytes": 10**7,
                    }
                    for c in data["components"]
                ],
            }
            for at_s, label in (
                (SCENARIO.phases.warmup_s, "baseline_start"),
                (SCENARIO.phases.warmup_s + SCENARIO.phases.baseline_s, "baseline_end"),
            )
        ],
    )
    _lines(
        folder / "events.jsonl",
        [
            {
                "at_ns": int(at_s * 1e9),
                "event": event,
                "fault": "kill",
                "component": names[0],
                "role": data["components"][0]["role"],
            }
            for at_s, event in (
                (KILL_S, "asked"),
                (KILL_S + 0.1, "dead"),
                (KILL_S + outage_s, "running"),
            )
        ],
    )
    audit = Audit(
        tuple(facts),
        held=100 * len(facts),
        stock_taken=len(facts),
        stock_lowest=9,
        witnesses=tuple(Witness(n, len(facts), "block 9", "0xaa") for n in names),
    )
    write_json(folder / "audit.json", audit_json(audit))
    write_json(
        folder / "trial.json",
        {
            **(facts_of_trial or {}),
            "seed": number,
            "reads": "server",
            "audit_error": None,
            "designs": [],
            "provisioning": {"provisioning_s": 1.5},
            "load": {
                "sessions": len(facts),
                "dropped": 0,
                "cpu_s": 4.0,
                "wall_s": 76.0,
            },
        },
    )
    write_json(
        run.path / "targets" / data["rung"] / "target.json",
        {"name": data["rung"], "missing": None, "descriptor": data, "start_s": 2.0},
    )


def make_series(root: Path, waits_ms: dict[str, list[float]]) -> RunFolder:
    """A run of several trials a target at one load: `waits_ms` holds, by rung, what
    every order of each trial took. Rungs that begin with "validators" are chains."""
    trials = max(len(waits) for waits in waits_ms.values())
    text = SCENARIO.source.replace('size = "quick"', 'size = "standard"')
    text = text[: text.index("# One crash")] + text[text.index("[objective]") :]
    text += (
        f'\n[trials]\ncount = {trials}\n[[load]]\nname = "low"\nsessions_per_s = 9\n'
    )
    run = RunFolder.create(root, "series")
    (run.path / "scenario.toml").write_text(text)
    for rung, waits in waits_ms.items():
        is_chain = rung.startswith("validators")
        roles = ["validator"] * 4 if is_chain else ["server"]
        data = descriptor("chain" if is_chain else "central", rung, roles)
        for number, wait_ms in enumerate(waits, 1):
            facts = {
                "load_name": "low",
                "repetition": number,
                "sessions_per_s": 9.0,
                "with_fault": False,
            }
            add_target(run, data, wait_ms, 0.0, number, facts)
            (run.trial(rung, number) / "events.jsonl").unlink()
    write_json(run.path / MANIFEST, manifest_of(run, list(waits_ms), text))
    return run


def manifest_of(run: RunFolder, targets: list[str], text: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "run": run.path.name,
        "started_at": 1_800_000_000.0,
        "seed": 1,
        "targets": targets,
        "target_texts": targets,
        "scenario_source": text,
        "packages": {"chandlery": "0.1.0"},
        "machine": {
            "cpu": "abacus",
            "cores": 2,
            "kernel": "Linux 6",
            "fsync_ms": {"median": 1.0, "worst": 2.0},
        },
    }


def make_run(root: Path) -> RunFolder:
    """`single` (10 ms, down 6 s), `validators-4` (900 ms, never down), and one that
    could not be started."""
    run = RunFolder.create(root, "made")
    (run.path / "scenario.toml").write_text(SCENARIO.source)
    add_target(run, descriptor("central", "single", ["server"]), 10.0, 6.0)
    chain = descriptor("chain", "validators-4", ["validator"] * 4)
    add_target(run, chain, 900.0, 0.0)
    write_json(
        run.target("cdn") / "target.json",
        {"name": "cdn", "missing": "nginx said <no>", "descriptor": None},
    )
    write_json(
        run.path / MANIFEST,
        manifest_of(run, ["single", "validators-4", "cdn"], SCENARIO.source),
    )
    return run


def _lines(path: Path, lines: list[dict[str, Any]]) -> None:
    writer = LineWriter(path)
    for line in lines:
        writer.line(line)
    writer.close()
