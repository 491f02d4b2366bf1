"""Reading of a trial's raw samples into typed values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.adapters.contract import Audit, OrderFact, Witness
from bench.errors import BenchError, Exit
from bench.history.files import read_lines, read_records
from bench.history.record import Record
from bench.store.folder import read_json
from bench.trial.run import (
    AUDIT,
    COMPONENTS,
    EVENTS,
    HISTORY,
    LAG,
    OBSERVATIONS,
    TRIAL,
)


@dataclass(frozen=True, slots=True)
class RawTrial:
    """Everything one trial left behind, as it was written."""

    records: list[Record]
    lag: list[dict[str, Any]]
    components: list[dict[str, Any]]
    events: list[dict[str, Any]]
    observations: list[dict[str, Any]]
    audit: Audit | None
    facts: dict[str, Any]


def read_trial(folder: Path) -> RawTrial:
    """Read one trial's folder; BenchError names what is missing or broken."""
    return RawTrial(
        records=read_records(folder / HISTORY),
        lag=read_lines(folder / LAG),
        components=read_lines(folder / COMPONENTS),
        events=read_lines(folder / EVENTS),
        observations=read_lines(folder / OBSERVATIONS),
        audit=read_audit(folder / AUDIT),
        facts=read_json(folder / TRIAL),
    )


def read_audit(path: Path) -> Audit | None:
    """The audit as it was kept; None if there was none."""
    if not path.exists():
        return None
    data = read_json(path)
    try:
        orders = tuple(
            OrderFact(**{**order, "amount": int(order["amount"])})
            for order in data["orders"]
        )
        witnesses = tuple(Witness(**witness) for witness in data["witnesses"])
        held = None if data["held"] is None else int(data["held"])
        return Audit(orders, held, data["stock_taken"], data["stock_lowest"], witnesses)
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{path} is not an audit: {error!r}", Exit.STORAGE) from None
