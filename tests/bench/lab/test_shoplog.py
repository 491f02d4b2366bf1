"""The diagram of a lesson on servers: what was broken, and the requests around it."""

from bench.history.record import Attempt, Record
from bench.lab.shoplog import SHOPPERS, TEACHER, lanes_of_shop, steps_of_shop

HAPPENED = [
    {"at_ns": int(1e9), "event": "primary", "component": "db1", "before": None},
    {"at_ns": int(10e9), "event": "asked", "component": "db1", "fault": "kill"},
    {"at_ns": int(10.2e9), "event": "dead", "component": "db1", "exit": "signal 9"},
    {"at_ns": int(30e9), "event": "primary", "component": "db2", "before": "db1"},
    {"at_ns": int(31e9), "event": "running", "component": "db1", "exit": None},
    {"at_ns": int(32e9), "event": "healed", "component": ""},
]


def order(ended_s: float, outcome: str = "ok", error: str | None = None) -> Record:
    ended_ns = int(ended_s * 1e9)
    attempt = Attempt(ended_ns - 10_000_000, ended_ns, outcome, error)
    return Record(
        session=0,
        step=0,
        customer=0,
        operation="place_order",
        reference="",
        quantity=1,
        intended_ns=ended_ns,
        sent_ns=ended_ns,
        accepted_ns=None,
        final_ns=ended_ns,
        outcome=outcome,
        order=None,
        amount=None,
        attempts=(attempt,),
    )


def test_faults_states_and_offices_are_in_order_of_time() -> None:
    steps = steps_of_shop(HAPPENED, [], [(10.0, 31.0)], "balancer")
    assert [(step.at_s, step.source, step.label) for step in steps] == [
        (1.0, "db1", "is the primary"),
        (10.0, TEACHER, "kill"),
        (10.2, "db1", "is dead (signal 9)"),
        (30.0, "db2", "is the primary, after db1"),
        (31.0, "db1", "runs again"),
    ]
    assert steps[1].targets == ("db1",)


def test_the_first_failure_and_the_first_service_after_it_are_shown() -> None:
    records = [order(9.0), order(11.0, "failed", "http_503"), order(12.0, "unknown")]
    records += [order(30.5), order(31.0)]
    steps = steps_of_shop([], records, [(10.0, 31.0)], "balancer")
    assert [(step.at_s, step.targets, step.label) for step in steps] == [
        (11.0, (SHOPPERS,), "first place order not served: http_503"),
        (30.5, (SHOPPERS,), "place order served again, 2 not served in between"),
    ]


def test_who_was_always_served_is_not_drawn() -> None:
    assert steps_of_shop([], [order(9.0), order(11.0)], [(10.0, 31.0)], "b") == []


def test_the_entrance_stands_beside_the_shoppers() -> None:
    lanes = lanes_of_shop(["db1", "app1", "balancer"], "balancer")
    assert lanes == [TEACHER, SHOPPERS, "balancer", "db1", "app1"]
