"""Reading of scenario files (TOML): every field checked, every unknown one refused."""

import tomllib
from pathlib import Path

from bench.errors import BenchError
from bench.fields import Fields
from bench.scenario.model import CLIENTS, SIZES, Scenario, Trials
from bench.scenario.tables import (
    arrivals_of,
    fault_of,
    knee_of,
    load_of,
    objective_of,
    phases_of,
    retry_of,
    session_of,
    think_of,
    trials_of,
    validity_of,
)
from bench.scenario.variant import trial_scenario

SHIPPED = Path(__file__).parent
PRIMARY = (
    "place_order_latency_ms",
    "browse_latency_ms",
    "goodput_orders_per_s",
    "cpu_ms_per_order",
    "availability_rto_s",
    "orders_lost",
)


def find_scenario(name: str) -> Path:
    """The file of a shipped scenario's name, or the file named; BenchError if none."""
    shipped = SHIPPED / f"{name}.toml"
    if shipped.is_file():
        return shipped
    path = Path(name)
    if path.is_file():
        return path
    names = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
    raise BenchError(
        f"there is no scenario '{name}'; shipped are {names}, or name a file"
    )


def load_scenario(path: Path) -> Scenario:
    """Read and validate a scenario file."""
    try:
        return parse_scenario(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}; name a readable file") from None


def parse_scenario(text: str, where: str) -> Scenario:
    """Validate a scenario's text; the error names the first wrong field."""
    try:
        fields = Fields(tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"{where} is not valid TOML: {error}") from None
    designs = fields.inner("designs")
    sessions = tuple(session_of(item) for item in fields.list_of("session"))
    if not sessions:
        raise BenchError(f"{where}: at least one [[session]] is needed")
    weight = sum(kind.weight for kind in sessions)
    steps = sum(kind.weight * len(kind.steps) for kind in sessions) / weight
    scenario = Scenario(
        name=fields.text("name"),
        size=fields.choice("size", SIZES),
        summary=fields.text("summary"),
        seed=fields.integer("seed", low=0, high=2**63),
        phases=phases_of(fields.inner("phases")),
        arrivals=arrivals_of(fields.inner("arrivals"), steps),
        time_budget_s=fields.number("time_budget_s", low=1.0),
        customers=fields.integer("customers", low=1, high=1_000_000),
        zipf_exponent=designs.number("zipf_exponent", low=0.0, high=5.0),
        quantity_max=designs.integer("quantity_max", low=1, high=1000),
        patience_ms=fields.number("patience_ms", low=1.0, high=600_000.0),
        think=think_of(fields.inner("think")),
        retry=retry_of(fields.inner("retry")),
        sessions=sessions,
        faults=tuple(fault_of(item) for item in fields.list_of("fault", [])),
        objective=objective_of(fields.inner("objective")),
        validity=validity_of(fields.inner("validity")),
        primary=fields.texts("primary"),
        targets=fields.texts("targets"),
        trials=trials_of(fields.inner("trials")) if fields.has("trials") else Trials(),
        loads=tuple(load_of(item) for item in fields.list_of("load", [])),
        knee=knee_of(fields.inner("knee")) if fields.has("knee") else None,
        client=fields.choice("client", CLIENTS) if fields.has("client") else CLIENTS[0],
        source=text,
    )
    designs.finish()
    fields.finish()
    _validate(scenario, where)
    return scenario


def _validate(scenario: Scenario, where: str) -> None:
    """What no single field can show wrong."""
    for name in scenario.primary:
        if name not in PRIMARY:
            allowed = ", ".join(PRIMARY)
            raise BenchError(f"{where}.primary: '{name}' is none of {allowed}")
    _validate_loads(scenario, where)
    for fault in scenario.faults:
        target = fault.targets[0] if fault.targets else ""
        phases = trial_scenario(scenario, target, None, True).phases
        if phases.after_fault_s - fault.at_s < 4 * fault.duration_s:
            raise BenchError(
                f"{where}: load must be held through a fault of {fault.duration_s:g} s "
                f"and three times its length after; raise phases.after_fault_s (or "
                f"the fault's hold_s) to {fault.at_s + 4 * fault.duration_s:g} at least"
            )


def _validate_loads(scenario: Scenario, where: str) -> None:
    names = [load.name for load in scenario.loads]
    if len(set(names)) != len(names):
        raise BenchError(f"{where}: two [[load]] have the same name")
    if scenario.knee is None and any(load.of_knee for load in scenario.loads):
        raise BenchError(
            f"{where}: a load is a share of the knee; say in [knee] how to search it"
        )
    knee = scenario.knee
    if knee is not None and knee.start_sessions_per_s > knee.sessions_per_s_max:
        raise BenchError(f"{where}.knee: the search starts above its own maximum")
    if knee is not None and scenario.orders_per_session <= 0:
        raise BenchError(f"{where}.knee: no session places an order to judge by")
