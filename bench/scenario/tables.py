"""The tables of a scenario file: each field checked, each unknown one refused."""

from bench.errors import BenchError
from bench.fields import Fields
from bench.scenario.curves import CURVES
from bench.scenario.curves import arrivals_of as curve_points
from bench.scenario.model import (
    FAULT_KINDS,
    OPERATIONS,
    Fault,
    KneeSearch,
    Load,
    Objective,
    Phases,
    RatePoint,
    RetryRule,
    SessionKind,
    ThinkTime,
    Trials,
    Validity,
)

LOAD_S_MAX = 24 * 3600.0
RATE_MAX = 100_000.0


def phases_of(fields: Fields) -> Phases:
    """Seconds of each phase."""
    phases = Phases(
        fields.number("warmup_s", high=LOAD_S_MAX),
        fields.number("baseline_s", low=0.1, high=LOAD_S_MAX),
        fields.number("guard_s", high=LOAD_S_MAX),
        fields.number("after_fault_s", high=LOAD_S_MAX),
    )
    fields.finish()
    return phases


def arrivals_of(fields: Fields, requests_per_session: float) -> tuple[RatePoint, ...]:
    """A constant rate, points with straight lines between them, or a day's curve."""
    if fields.has("sessions_per_s"):
        rate = fields.number("sessions_per_s", low=0.001, high=RATE_MAX)
        fields.finish()
        return (RatePoint(0.0, rate),)
    if fields.has("curve"):
        curve = fields.choice("curve", tuple(CURVES))
        per_day = fields.number("requests_per_day", low=1.0)
        day_s = fields.number("day_s", low=24.0, high=LOAD_S_MAX)
        fields.finish()
        return curve_points(curve, per_day, day_s, requests_per_session)
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


def think_of(fields: Fields) -> ThinkTime:
    """Think time."""
    think = ThinkTime(fields.number("mean_ms"), fields.number("max_ms"))
    fields.finish()
    return think


def retry_of(fields: Fields) -> RetryRule:
    """The retry rule."""
    rule = RetryRule(
        fields.integer("attempts_max", low=1, high=1000),
        fields.number("attempt_timeout_ms", low=1.0),
        fields.number("backoff_ms"),
    )
    fields.finish()
    return rule


def session_of(fields: Fields) -> SessionKind:
    """One kind of session."""
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


def fault_of(fields: Fields) -> Fault:
    """One fault."""
    fault = Fault(
        fields.choice("kind", FAULT_KINDS),
        fields.texts("roles"),
        fields.number("at_s", 0.0, high=LOAD_S_MAX),
        fields.number("duration_s", low=0.1, high=LOAD_S_MAX),
        fields.texts("targets", ()),
        fields.number("hold_s", low=0.1, high=LOAD_S_MAX)
        if fields.has("hold_s")
        else None,
    )
    fields.finish()
    return fault


def objective_of(fields: Fields) -> Objective:
    """The objective."""
    objective = Objective(
        fields.number("success_share", low=0.5, high=1.0),
        fields.number("order_latency_ms", low=1.0),
        fields.number("order_quantile", low=0.5, high=0.99999),
    )
    fields.finish()
    return objective


def validity_of(fields: Fields) -> Validity:
    """The gates of the measurement."""
    validity = Validity(
        fields.number("lag_p99_ms", low=0.1),
        fields.number("lag_share_of_p99", high=1.0),
        fields.number("generator_cpu_share", low=0.01, high=1.0),
        fields.number("dropped_share", high=1.0),
        fields.integer("reruns_max", high=2),
    )
    fields.finish()
    return validity


def trials_of(fields: Fields) -> Trials:
    """How often each load is measured."""
    trials = Trials(
        fields.integer("count", low=1, high=100),
        fields.integer("with_fault", 1, high=100),
        fields.number("equivalence_ratio", 1.1, low=1.0, high=2.0),
    )
    fields.finish()
    return trials


def load_of(fields: Fields) -> Load:
    """One fixed load: a rate, or a share of the knee."""
    by_share = fields.has("of_knee")
    load = Load(
        fields.text("name"),
        None if by_share else fields.number("sessions_per_s", low=0.001, high=RATE_MAX),
        fields.number("of_knee", low=0.01, high=1.0) if by_share else None,
        fields.flag("with_fault", False),
    )
    fields.finish()
    return load


def knee_of(fields: Fields) -> KneeSearch:
    """How the knee is searched."""
    search = KneeSearch(
        fields.number("start_sessions_per_s", low=0.1, high=RATE_MAX),
        fields.number("sessions_per_s_max", low=0.1, high=RATE_MAX),
        fields.number("resolution", low=1.01, high=2.0),
        fields.number("warmup_s", high=LOAD_S_MAX),
        fields.number("measured_s", 30.0, low=0.1, high=LOAD_S_MAX),
        fields.integer("probes_max", low=1, high=40),
    )
    fields.finish()
    return search
