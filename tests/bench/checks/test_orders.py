"""The set algebra of orders, each anomaly planted by itself."""

import dataclasses

from bench.adapters.contract import Audit, OrderFact, Witness
from bench.checks.orders import check_orders, run_checks
from bench.history.record import Attempt, Record


def placed(reference: str, outcome: str = "ok", amount: int | None = 200) -> Record:
    """What a shopper was told of one order."""
    attempt = Attempt(0, 5, outcome, None)
    return Record(
        session=1,
        step=0,
        customer=7,
        operation="place_order",
        reference=reference,
        quantity=2,
        intended_ns=0,
        sent_ns=0,
        accepted_ns=None,
        final_ns=5,
        outcome=outcome,
        order="1",
        amount=amount,
        attempts=(attempt,),
    )


def held(reference: str, **changes: object) -> OrderFact:
    """What the target holds of one order."""
    fact = OrderFact("1", reference, 7, "paid", 200, 2)
    return dataclasses.replace(fact, **changes)  # type: ignore[arg-type]


def test_all_is_well_when_promises_and_orders_are_the_same() -> None:
    verdict = check_orders([placed("a"), placed("b")], [held("a"), held("b")])
    assert verdict.passes
    assert (verdict.acknowledged, verdict.there) == (2, 2)


def test_an_acknowledged_order_that_is_not_there_is_lost() -> None:
    verdict = check_orders([placed("a"), placed("b")], [held("a")])
    assert verdict.lost == ("b",)
    assert not verdict.passes


def test_one_reference_with_two_orders_is_duplicated() -> None:
    verdict = check_orders([placed("a")], [held("a"), held("a", order="2")])
    assert verdict.duplicated == ("a",)
    assert not verdict.passes


def test_an_order_that_nobody_placed_or_that_surely_failed_is_unexpected() -> None:
    records = [placed("a"), placed("f", "failed")]
    verdict = check_orders(records, [held("a"), held("f"), held("x")])
    assert verdict.unexpected == ("f", "x")
    assert not verdict.passes


def test_an_unknown_outcome_may_end_either_way() -> None:
    records = [placed("u", "unknown"), placed("v", "unknown")]
    verdict = check_orders(records, [held("u")])
    assert (verdict.recovered, verdict.unknown) == (("u",), ("v",))
    assert verdict.passes


def test_another_amount_quantity_or_customer_is_an_altered_order() -> None:
    for change in ({"amount": 201}, {"quantity": 3}, {"customer": 8}):
        verdict = check_orders([placed("a")], [held("a", **change)])
        assert verdict.altered == ("a",), change
        assert not verdict.passes


def test_other_operations_are_no_orders() -> None:
    browsing = dataclasses.replace(placed("z"), operation="browse")
    assert check_orders([browsing], []).passes


def audit(**changes: object) -> Audit:
    whole = Audit((held("a"),), held=200, stock_taken=2, stock_lowest=5)
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def failed(**changes: object) -> list[str]:
    _, checks = run_checks([placed("a")], audit(**changes))
    return [check.name for check in checks if check.passed is False]


def test_money_and_stock_must_match_the_orders() -> None:
    assert failed() == []
    assert failed(held=199) == ["money conserved"]
    assert failed(stock_taken=3) == ["stock matches orders"]
    assert failed(stock_lowest=-1) == ["stock matches orders"]


def test_copies_that_disagree_are_found() -> None:
    one, same = (Witness(name, 1, "block 9", "0xaa") for name in ("n1", "n2"))
    other = dataclasses.replace(one, component="n3", digest="0xbb")
    assert failed(witnesses=(one, same)) == []
    assert failed(witnesses=(one, same, other)) == ["all copies agree"]


def test_what_cannot_be_checked_is_neither_passed_nor_failed() -> None:
    _, checks = run_checks([placed("a")], audit(held=None, stock_taken=None))
    assert [c.name for c in checks if c.passed is None] == [
        "money conserved",
        "stock matches orders",
        "all copies agree",
    ]
