"""What a scenario says, as frozen values.

Everything that could tilt a comparison is in here and is published with the result: the
arrival rate and its shape, what sessions do, how long a shopper waits and how often the
client retries, which component dies and when, which figures were declared as the ones
that matter before anything was measured.
"""

from dataclasses import dataclass

SIZES = ("quick", "standard", "full")
OPERATIONS = ("browse", "place_order", "track", "read_profile", "change_address")
WRITES = ("place_order", "change_address")
LINK_FAULTS = ("partition", "one-way", "loss")
CLIENTS = ("aiohttp", "httptools")
FAULT_KINDS = ("kill", "pause", *LINK_FAULTS)


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds of each phase; load is held at the declared rate through all of them.

    warmup is kept apart from every figure; baseline is the undisturbed measurement; the
    guard keeps operations that a fault may still touch out of the baseline; the fault
    is injected at its end; after_fault runs from the injection on.
    """

    warmup_s: float
    baseline_s: float
    guard_s: float
    after_fault_s: float

    @property
    def load_s(self) -> float:
        """How long sessions arrive, in seconds."""
        return self.fault_at_s + self.after_fault_s

    @property
    def fault_at_s(self) -> float:
        """When the guard ends and faults count from, in seconds."""
        return self.warmup_s + self.baseline_s + self.guard_s

    def holding(self, after_fault_s: float) -> "Phases":
        """The same phases with another length after the fault."""
        return Phases(self.warmup_s, self.baseline_s, self.guard_s, after_fault_s)

    def of(self, at_s: float) -> str:
        """The phase that a moment of the load belongs to."""
        if at_s < self.warmup_s:
            return "warmup"
        if at_s < self.warmup_s + self.baseline_s:
            return "baseline"
        return "guard" if at_s < self.fault_at_s else "after_fault"


@dataclass(frozen=True, slots=True)
class RatePoint:
    """Sessions per second at a moment; between points the rate is linear."""

    at_s: float
    sessions_per_s: float


@dataclass(frozen=True, slots=True)
class ThinkTime:
    """Exponential think time before each step but the first, cut off at a maximum."""

    mean_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How a client retries one operation by its key, within the shopper's patience."""

    attempts_max: int
    attempt_timeout_ms: float
    backoff_ms: float


@dataclass(frozen=True, slots=True)
class SessionKind:
    """One kind of shopper: how common, and the steps of the visit."""

    name: str
    weight: float
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One component dies, freezes or loses its links `at_s` seconds after the
    baseline's end.

    `roles` is an order of preference: the first component of the target that has the
    earliest role is hit; "primary" is whoever holds that office at the moment.
    `duration_s` is the time until restart or resume. `targets` names whom it is for
    (empty: every target that no other fault names); `hold_s` is how long load is held
    from the injection on (None: as the phases say).
    """

    kind: str
    roles: tuple[str, ...]
    at_s: float
    duration_s: float
    targets: tuple[str, ...] = ()
    hold_s: float | None = None


@dataclass(frozen=True, slots=True)
class Objective:
    """What a shopper should get; sustainable means within it."""

    success_share: float
    order_latency_ms: float
    order_quantile: float


@dataclass(frozen=True, slots=True)
class Validity:
    """Gates of the measurement itself; outside any of them a trial is INVALID, and is
    run again at most `reruns_max` times while the run's time budget lasts."""

    lag_p99_ms: float
    lag_share_of_p99: float
    generator_cpu_share: float
    dropped_share: float
    reruns_max: int


@dataclass(frozen=True, slots=True)
class Load:
    """One fixed load of the trials: a rate that is the same for every target, or a
    share of the target's own knee. Trials of a load with `with_fault` go on into the
    scenario's faults as often as `Trials.with_fault` says."""

    name: str
    sessions_per_s: float | None
    of_knee: float | None
    with_fault: bool


@dataclass(frozen=True, slots=True)
class Trials:
    """How often each load is measured on each target, from fresh processes; how many
    of these go on into a fault; and the margin within which two figures are called
    equivalent: a ratio of at most this, either way."""

    count: int = 1
    with_fault: int = 1
    equivalence_ratio: float = 1.1


@dataclass(frozen=True, slots=True)
class KneeSearch:
    """Doubling from a start, then halving the gap until the sustained and the refused
    rate are within `resolution` of each other. Each rate is held for `measured_s`, or
    for as long as the objective's percentile needs orders."""

    start_sessions_per_s: float
    sessions_per_s_max: float
    resolution: float
    warmup_s: float
    measured_s: float
    probes_max: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario. `source` is the text it was read from; `client` is what carries
    the shoppers' HTTP."""

    name: str
    size: str
    summary: str
    seed: int
    phases: Phases
    arrivals: tuple[RatePoint, ...]
    time_budget_s: float
    customers: int
    zipf_exponent: float
    quantity_max: int
    patience_ms: float
    think: ThinkTime
    retry: RetryRule
    sessions: tuple[SessionKind, ...]
    faults: tuple[Fault, ...]
    objective: Objective
    validity: Validity
    primary: tuple[str, ...]
    targets: tuple[str, ...]
    trials: Trials
    loads: tuple[Load, ...]
    knee: KneeSearch | None
    client: str
    source: str

    @property
    def requests_per_session(self) -> float:
        """Steps of the average session."""
        weight = sum(kind.weight for kind in self.sessions)
        return sum(kind.weight * len(kind.steps) for kind in self.sessions) / weight

    @property
    def orders_per_session(self) -> float:
        """Orders that the average session places."""
        weight = sum(kind.weight for kind in self.sessions)
        placed = sum(k.weight * k.steps.count("place_order") for k in self.sessions)
        return placed / weight

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations that any session performs, in the canonical order."""
        used = {step for kind in self.sessions for step in kind.steps}
        return tuple(name for name in OPERATIONS if name in used)
