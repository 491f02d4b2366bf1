"""Reading of scenario files (TOML): every field checked, every unknown one refused."""

import tomllib
from pathlib import Path

from bench.errors import BenchError
from bench.fields import Fields
from bench.scenario.model import (
    FAULT_KINDS,
    OPERATIONS,
    SIZES,
    Fault,
    Objective,
    Phases,
    RatePoint,
    RetryRule,
    Scenario,
    SessionKind,
    ThinkTime,
    Validity,
)

SHIPPED = Path(__file__).parent
LOAD_S_MAX = 24 * 3600.0
RATE_MAX = 100_000.0
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
    scenario = Scenario(
        name=fields.text("name"),
        size=fields.choice("size", SIZES),
        summary=fields.text("summary"),
        seed=fields.integer("seed", low=0, high=2**63),
        phases=_phases(fields.inner("phases")),
        arrivals=_arrivals(fields.inner("arrivals")),
        time_budget_s=fields.number("time_budget_s", low=1.0),
        customers=fields.integer("customers", low=1, high=1_000_000),
        zipf_exponent=designs.number("zipf_exponent", low=0.0, high=5.0),
        quantity_max=designs.integer("quantity_max", low=1, high=1000),
        patience_ms=fields.number("patience_ms", low=1.0, high=600_000.0),
        think=_think(fields.inner("think")),
        retry=_retry(fields.inner("retry")),
        sessions=tuple(_session(item) for item in fields.list_of("session")),
        faults=tuple(_fault(item) for item in fields.list_of("fault", [])),
        objective=_objective(fields.inner("objective")),
        validity=_validity(fields.inner("validity")),
        primary=fields.texts("primary"),
        targets=fields.texts("targets"),
        source=text,
    )
    designs.finish()
    fields.finish()
    _validate(scenario, where)
    return scenario


def _phases(fields: Fields) -> Phases:
    phases = Phases(
        fields.number("warmup_s", high=LOAD_S_MAX),
        fields.number("baseline_s", low=0.1, high=LOAD_S_MAX),
        fields.number("guard_s", high=LOAD_S_MAX),
        fields.number("after_fault_s", high=LOAD_S_MAX),
    )
    fields.finish()
    return phases


def _arrivals(fields: Fields) -> tuple[RatePoint, ...]:
    """A constant rate, or points between which the rate is linear."""
    if fields.has("sessions_per_s"):
        rate = fields.number("sessions_per_s", low=0.001, high=RATE_MAX)
        fields.finish()
        return (RatePoint(0.0, rate),)
    points = []
    for item in fields.list_of("points"):
        at_s = item.number("at_s", high=LOAD_S_MAX)
        points.append(RatePoint(at_s, item.number("sessions_per_s", high=RATE_MAX)))
        item.finish()
    fields.finish()
    moments = [point.at_s for point in points]
    if not points or moments != sorted(set(moments)):
        raise BenchError(
            f"{fields.where}.points: moments must rise from point to point"
        )
    if max(point.sessions_per_s for point in points) <= 0:
        raise BenchError(f"{fields.where}.points: a rate above 0 is needed somewhere")
    return tuple(points)


def _think(fields: Fields) -> ThinkTime:
    think = ThinkTime(fields.number("mean_ms"), fields.number("max_ms"))
    fields.finish()
    return think


def _retry(fields: Fields) -> RetryRule:
    rule = RetryRule(
        fields.integer("attempts_max", low=1, high=1000),
        fields.number("attempt_timeout_ms", low=1.0),
        fields.number("backoff_ms"),
    )
    fields.finish()
    return rule


def _session(fields: Fields) -> SessionKind:
    kind = SessionKind(
        fields.text("name"), fields.number("weight", low=1e-6), fields.texts("steps")
    )
    fields.finish()
    for step in kind.steps:
        if step not in OPERATIONS:
            allowed = ", ".join(OPERATIONS)
            raise BenchError(f"{fields.where}.steps: '{step}' is none of {allowed}")
    tracked = kind.steps.index("track") if "track" in kind.steps else len(kind.steps)
    if "track" in kind.steps and "place_order" not in kind.steps[:tracked]:
        raise BenchError(
            f"{fields.where}.steps: 'track' follows the session's own order; "
            "put 'place_order' before it"
        )
    return kind


def _fault(fields: Fields) -> Fault:
    fault = Fault(
        fields.choice("kind", FAULT_KINDS),
        fields.texts("roles"),
        fields.number("at_s", 0.0, high=LOAD_S_MAX),
        fields.number("duration_s", low=0.1, high=LOAD_S_MAX),
    )
    fields.finish()
    return fault


def _objective(fields: Fields) -> Objective:
    objective = Objective(
        fields.number("success_share", low=0.5, high=1.0),
        fields.number("order_latency_ms", low=1.0),
        fields.number("order_quantile", low=0.5, high=0.99999),
    )
    fields.finish()
    return objective


def _validity(fields: Fields) -> Validity:
    validity = Validity(
        fields.number("lag_p99_ms", low=0.1),
        fields.number("lag_share_of_p99", high=1.0),
        fields.number("generator_cpu_share", low=0.01, high=1.0),
        fields.number("dropped_share", high=1.0),
        fields.integer("reruns_max", high=2),
    )
    fields.finish()
    return validity


def _validate(scenario: Scenario, where: str) -> None:
    """What no single field can show wrong."""
    if not scenario.sessions:
        raise BenchError(f"{where}: at least one [[session]] is needed")
    for name in scenario.primary:
        if name not in PRIMARY:
            allowed = ", ".join(PRIMARY)
            raise BenchError(f"{where}.primary: '{name}' is none of {allowed}")
    for fault in scenario.faults:
        held_s = scenario.phases.after_fault_s - fault.at_s
        if held_s < 4 * fault.duration_s:
            raise BenchError(
                f"{where}: load must be held through a fault of {fault.duration_s:g} s "
                f"and three times its length after; raise phases.after_fault_s to "
                f"{fault.at_s + 4 * fault.duration_s:g} at least"
            )
