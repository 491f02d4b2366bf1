"""The set algebra of orders: what was promised against what is there.

- lost: acknowledged to a shopper, and not there afterwards.
- duplicated: one reference, more than one order.
- unexpected: there, though nobody asked for it or its request certainly failed.
- recovered: the outcome was unknown to the shopper, and the order is there (allowed).
- unknown: the outcome was unknown, and the order is not there (allowed).
- altered: acknowledged and there, but with another amount, quantity or customer.

Checks never look at the target while it runs and never decide what was "meant": they
compare two lists. Names after Maelstrom's and Jepsen's set checkers.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.adapters.contract import Audit, OrderFact, Outcome
from bench.history.record import Record


@dataclass(frozen=True, slots=True)
class OrderVerdict:
    """References by what became of them, each sorted."""

    acknowledged: int
    there: int
    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    unexpected: tuple[str, ...]
    altered: tuple[str, ...]
    recovered: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """True if every acknowledged order is there once, unaltered, and no other."""
        return not (self.lost or self.duplicated or self.unexpected or self.altered)


def check_orders(
    records: Sequence[Record], orders: Sequence[OrderFact]
) -> OrderVerdict:
    """Compare what shoppers were told with what the target holds."""
    asked = {r.reference: r for r in records if r.operation == "place_order"}
    there: dict[str, list[OrderFact]] = defaultdict(list)
    for order in orders:
        there[order.reference].append(order)
    by_outcome: dict[str, set[str]] = {outcome.value: set() for outcome in Outcome}
    for reference, record in asked.items():
        by_outcome[record.outcome].add(reference)
    acknowledged, unknown = by_outcome["ok"], by_outcome["unknown"]
    present = set(there)
    return OrderVerdict(
        acknowledged=len(acknowledged),
        there=len(orders),
        lost=_sorted(acknowledged - present),
        duplicated=_sorted({ref for ref, held in there.items() if len(held) > 1}),
        unexpected=_sorted(present - acknowledged - unknown),
        altered=_sorted(
            {
                reference
                for reference in acknowledged & present
                if any(_differs(asked[reference], fact) for fact in there[reference])
            }
        ),
        recovered=_sorted(unknown & present),
        unknown=_sorted(unknown - present),
    )


def _differs(record: Record, fact: OrderFact) -> bool:
    return (
        (record.amount is not None and record.amount != fact.amount)
        or record.quantity != fact.quantity
        or record.customer != fact.customer
    )


def _sorted(references: set[str]) -> tuple[str, ...]:
    return tuple(sorted(references))


@dataclass(frozen=True, slots=True)
class Check:
    """One check by name: whether it passed, None if it could not be made, and a
    sentence with the figures it rests on."""

    name: str
    passed: bool | None
    detail: str


def run_checks(
    records: Sequence[Record], audit: Audit
) -> tuple[OrderVerdict, list[Check]]:
    """Every check that the audit allows."""
    verdict = check_orders(records, audit.orders)
    return verdict, [
        _presence("no acknowledged order lost", verdict.lost, verdict.acknowledged),
        _presence("no order twice", verdict.duplicated, verdict.there),
        _presence("no order that nobody placed", verdict.unexpected, verdict.there),
        _presence("no order altered", verdict.altered, verdict.acknowledged),
        _money(audit),
        _stock(audit),
        _agreement(audit),
    ]


def _presence(name: str, wrong: Sequence[str], of: int) -> Check:
    detail = f"{len(wrong)} of {of}"
    if wrong:
        detail += ": " + ", ".join(reference[:16] for reference in wrong[:5])
    return Check(name, not wrong, detail)


def _money(audit: Audit) -> Check:
    """The sum of the orders paid for against what the target says it holds."""
    name = "money conserved"
    if audit.held is None:
        return Check(name, None, "the target does not tell what it holds")
    owed = sum(
        o.amount for o in audit.orders if o.status not in ("placed", "cancelled")
    )
    return Check(name, owed == audit.held, f"orders {owed}, held {audit.held}")


def _stock(audit: Audit) -> Check:
    name = "stock matches orders"
    if audit.stock_taken is None or audit.stock_lowest is None:
        return Check(name, None, "the target does not tell its stock")
    sold = sum(order.quantity for order in audit.orders if order.status != "cancelled")
    passed = sold == audit.stock_taken and audit.stock_lowest >= 0
    return Check(
        name,
        passed,
        f"sold {sold}, taken {audit.stock_taken}, lowest stock {audit.stock_lowest}",
    )


def _agreement(audit: Audit) -> Check:
    """Every component that was asked by itself tells the same."""
    name = "all copies agree"
    if len(audit.witnesses) < 2:
        return Check(name, None, "there is only one copy to ask")
    told = {(w.orders, w.position, w.digest) for w in audit.witnesses}
    names = ", ".join(witness.component for witness in audit.witnesses)
    return Check(name, len(told) == 1, f"{names}: {len(told)} answer(s)")
