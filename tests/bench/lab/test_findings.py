"""What a lesson says afterwards follows from what happened alone."""

from bench.adapters.contract import Audit, OrderFact
from bench.descriptor import Component, Descriptor, Endpoint
from bench.history.record import Attempt, Record
from bench.lab.chainlog import FINAL, Heard
from bench.lab.course import Course, Played
from bench.lab.findings import as_json, findings_of, sentences, table_of, went_well
from bench.lab.lessons import Act
from bench.lab.telling import drawn_heights

ACT = Act("kill", "node2", 10.0, 10.0, "kill -9 of node2")
CHAIN = Descriptor(
    "chain",
    "validators-4",
    (Endpoint("http://127.0.0.1:1", "jsonrpc", "node1"),),
    None,
    tuple(Component(f"node{n}", "validator") for n in range(1, 5)),
    (),
    None,
    "final",
    {},
)


def order(number: int, at_s: float, outcome: str = "ok") -> Record:
    sent_ns = int(at_s * 1e9)
    ended_ns = sent_ns + 20_000_000
    attempt = Attempt(sent_ns, ended_ns, outcome, None)
    return Record(
        session=number,
        step=0,
        customer=0,
        operation="place_order",
        reference=f"{number:04x}",
        quantity=1,
        intended_ns=sent_ns,
        sent_ns=sent_ns,
        accepted_ns=None,
        final_ns=ended_ns,
        outcome=outcome,
        order=str(number),
        amount=5,
        attempts=(attempt,),
    )


def fact(record: Record) -> OrderFact:
    return OrderFact(record.order or "", record.reference, 0, "paid", 5, 1)


def course(missing: int = 0, forked: bool = False) -> Course:
    """An order each 0.1 s from 0 to 40 s; node2 is dead from 10 to 20 s."""
    records = [order(n, n / 10) for n in range(400)]
    there = tuple(fact(record) for record in records[missing:])
    heard = [
        Heard(at / 2, node, FINAL, at, int(at == 25), f"{at}")
        for at in range(1, 60)
        for node in ("node1", "node3")
    ]
    if forked:
        heard.append(Heard(9.0, "node4", FINAL, 7, 0, "another"))
    return Course(
        CHAIN,
        ("place_order",),
        (2.0, 8.0),
        (Played(ACT, "node2", "supervisor", 10.0, 20.0, 25.0, True),),
        tuple(records),
        (),
        Audit(there, None, None, None),
        tuple(heard),
    )


def test_a_good_end_is_told_in_figures() -> None:
    found = findings_of(course())
    text = " ".join(sentences(course(), found))
    assert "Act 1, kill of node2 for 10 s (by supervisor): works: place order" in text
    assert "20 blocks became final, 1 of them after a change of round" in text
    assert "the longest time without one was 0.5 s" in text
    assert "400 orders acknowledged: 0 lost, 0 there twice" in text
    assert "59 heights became final, each with one block" in text
    assert went_well(found)


def test_a_lost_order_is_told_and_is_no_good_end() -> None:
    found = findings_of(course(missing=3))
    assert "3 lost" in " ".join(sentences(course(missing=3), found))
    assert not went_well(found)
    assert as_json(course(missing=3), found)["orders"]["lost"] == 3


def test_a_fork_is_told_and_is_no_good_end() -> None:
    found = findings_of(course(forked=True))
    assert "THE CHAIN FORKED: two final blocks at [7]" in " ".join(
        sentences(course(forked=True), found)
    )
    assert not went_well(found)


def test_the_table_has_a_row_for_each_act_and_operation() -> None:
    header, row = table_of(course(), findings_of(course()))
    assert header.split()[:3] == ["act", "operation", "did"]
    assert row.split()[:4] == ["1", "place", "order", "works"]


def test_drawn_are_the_last_height_in_peace_and_the_first_that_changed_round() -> None:
    assert drawn_heights(course(), findings_of(course())) == [19, 25]
