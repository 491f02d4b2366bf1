"""Random sequences on the deployed bytecode, against two models that never met.

Every operation is put to the contract, to the rules and to an independent oracle; all
three must give the same answer, and after every step the money must add up to the wei.
At the end of each sequence everybody takes out what they are owed, and nothing is left.

Many more steps, with 40 in each sequence, and their number printed:

    SHOP_EXAMPLES=1400 pytest -s --timeout=0 tests/shop_contract/test_machine.py

SHOP_SHRINK=0 stops at the first failure, without looking for a shorter one.
"""

import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from shop_contract.codec import encode_call
from shop_contract.conformance import OPENING, ContractAdapter, ModelAdapter
from shop_contract.conformance.runner import take_opening
from shop_contract.rules import Action, Design, OrderRequest, Party, Rejected
from shop_contract.rules.catalogue import OptionKind
from tests.shop_contract.chain_shop import PURSE, opened_shop
from tests.shop_contract.hostile import Mode
from tests.shop_contract.oracle import DAY, Oracle

EXAMPLES = int(os.environ.get("SHOP_EXAMPLES", "20"))
PHASES = [phase for phase in Phase if phase is not Phase.explain]
if os.environ.get("SHOP_SHRINK") == "0":
    PHASES = [Phase.generate]
STEPS = int(os.environ.get("SHOP_STEPS", "40"))
LOOK_ROUND_EVERY = 8  # steps

PEOPLE = ("owner", "moulder", "courier", "alice", "bob", "hostile")
BUYERS = ("alice", "bob", "hostile", "owner")
KINDS = ((0, 0, 0), (0, 1, 1), (1, 0, 0))
ODD_KINDS = ((1, 1, 1), (2, 0, 0), (0, 0, 2), (0, 0, 256), (0, 256, 0), (256, 0, 0))
VERBS = ("cancel", "mould", "ship", "deliver", "refund", "expire", "release")
NEXT = {
    "paid": ("mould", "mould", "cancel", "refund", "expire"),
    "moulding": ("ship", "ship", "refund", "expire"),
    "shipped": ("deliver", "deliver", "refund", "expire", "release"),
}

people = st.sampled_from(PEOPLE)
buyers = st.sampled_from(BUYERS)
owners = st.sampled_from(("owner", "owner", "owner", *PEOPLE))
picks = st.integers(0, 10**6)
kinds = st.sampled_from(KINDS * 4 + ODD_KINDS)
quantities = st.integers(1, 12) | st.sampled_from(
    (0, 1000, 1001, 2**24 + 1, 2**256 - 1)
)
lengths = st.sampled_from((64, 64, 64, 0, 1, 512, 513))
references = st.integers(0, 60)


def wish_of(
    kind: tuple[int, ...], quantity: int, margin: int, number: int, length: int
) -> dict[str, Any]:
    return {
        "kind": kind,
        "quantity": quantity,
        "margin": margin,
        "reference": number.to_bytes(32, "big"),
        "delivery": b"\x5e" * length,
    }


wishes = st.builds(
    wish_of, kinds, quantities, st.sampled_from((0, 0, 0, 1, -1)), references, lengths
)
offsets = st.sampled_from((0, 0, 0, 0, 0, 1, -1))


@dataclass
class Known:
    """What the contract was last seen to say, by the oracle's words."""

    owed: dict[str, int] = field(default_factory=dict)
    shelf: dict[tuple[int, ...], tuple[int, int]] = field(default_factory=dict)
    orders: dict[int, tuple[str, int]] = field(default_factory=dict)


class Taken:
    """How many steps have been taken by all sequences."""

    steps = 0


class ShopMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.chain = opened_shop()
        self.contract = ContractAdapter(self.chain)
        self.model = ModelAdapter(self.chain.now_s())
        self.oracle = Oracle(self.chain.now_s())
        take_opening(self.model)
        for step in OPENING:
            self._open_oracle(step)
        self.forced = 0
        self.steps = 0
        self.known = Known()
        for name in PEOPLE:
            self.chain.address(name)

    def _open_oracle(self, step: Any) -> None:
        oracle, op = self.oracle, step["op"]
        if op == "add_option":
            kind = ("shape", "size", "scent").index(step["kind"])
            oracle.tell_option("owner", kind, step["name"])
        elif op == "set_role":
            oracle.tell_owner("owner", step["party"], step["holder"])
        else:
            what = "price" if op == "set_prices" else "stock"
            changes = step["prices" if what == "price" else "changes"].items()
            parsed = [(tuple(map(int, k.split("/"))), int(v)) for k, v in changes]
            oracle.tell_changes("owner", what, parsed)

    def both(self, operation: str, *arguments: Any) -> str | None:
        """The answer of the contract and of the rules, which must be the same."""
        answers = [
            getattr(shop, operation)(*arguments) for shop in (self.contract, self.model)
        ]
        assert answers[0] == answers[1], operation
        answer = answers[0]
        return str(answer.reason) if isinstance(answer, Rejected) else None

    # Customers

    @rule(who=buyers, several=st.lists(wishes, min_size=1, max_size=3), offset=offsets)
    def place(self, who: str, several: list[dict[str, Any]], offset: int) -> None:
        requests = []
        for wish in several:
            wish["maximum"] = max(
                self.oracle.price.get(wish["kind"], 0) + wish["margin"], 0
            )
            requests.append(
                OrderRequest(
                    Design(*wish["kind"]),
                    wish["quantity"],
                    wish["maximum"],
                    wish["reference"],
                    wish["delivery"],
                )
            )
        prices = [self.oracle.price.get(wish["kind"], 0) for wish in several]
        due = sum(p * w["quantity"] for p, w in zip(prices, several, strict=True))
        payment = max(due + offset, 0) if due < PURSE // 1000 else 0
        if len(requests) == 1:
            answer = self.both("place", who, requests[0], payment)
        else:
            answer = self.both("place_batch", who, requests, payment)
        assert answer == self.oracle.tell_place(who, several, payment)

    @rule(
        who=buyers,
        kind=st.sampled_from(KINDS[:2]),
        pick=picks,
        steps=st.integers(0, 3),
    )
    def buy(self, who: str, kind: tuple[int, ...], pick: int, steps: int) -> None:
        """An ordinary order and its first ordinary steps."""
        wish = wish_of(kind, 1 + pick % 3, 0, 1000 + pick, 64)
        before = len(self.oracle.orders)
        self.place(who, [wish], 0)
        for _ in range(steps * (len(self.oracle.orders) - before)):
            self.move_on(-1, 0)

    @rule(who=people, verb=st.sampled_from(VERBS), pick=picks)
    def act(self, who: str, verb: str, pick: int) -> None:
        number = pick % (len(self.oracle.orders) + 2)
        answer = self.both("act", who, Action(verb), number)
        assert answer == self.oracle.tell_act(who, verb, number)

    @precondition(lambda self: self.waiting())
    @rule(pick=picks, choice=st.integers(0, 5))
    def move_on(self, pick: int, choice: int) -> None:
        """A step that an order which is not final may well take next."""
        waiting = self.waiting()
        number = waiting[pick % len(waiting)]
        order = self.oracle.orders[number - 1]
        verbs = NEXT[order["status"]]
        verb = verbs[choice % len(verbs)]
        owner = self.oracle.owner
        doers = {
            "mould": ("moulder",),
            "ship": ("courier",),
            "deliver": ("courier", order["buyer"]),
            "cancel": (order["buyer"],),
            "expire": (order["buyer"], owner),
        }.get(verb, (owner,))
        who = doers[choice % len(doers)]
        answer = self.both("act", who, Action(verb), number)
        assert answer == self.oracle.tell_act(who, verb, number)

    def waiting(self) -> list[int]:
        return [n for n, order in enumerate(self.oracle.orders, 1) if order["due"]]

    def is_owed(self, *names: str) -> bool:
        return any(self.oracle.ledger.get(name, 0) for name in names)

    @rule(who=people, pick=picks, length=lengths)
    def redirect(self, who: str, pick: int, length: int) -> None:
        number = pick % (len(self.oracle.orders) + 1)
        answer = self.both("redirect", who, number, b"\x77" * length)
        assert answer == self.oracle.tell_act(who, "redirect", number, length)

    @rule(who=buyers, length=lengths)
    def set_profile(self, who: str, length: int) -> None:
        answer = self.both("set_profile", who, b"\x88" * length)
        assert answer == self.oracle.tell_profile(who, length)

    @precondition(lambda self: self.is_owed(*PEOPLE))
    @rule(who=people)
    def withdraw(self, who: str) -> None:
        self.chain.hostile.arm(Mode.ACCEPT)
        assert self.both("withdraw", who) == self.oracle.tell_withdraw(who)

    @precondition(lambda self: self.is_owed("hostile"))
    @rule(mode=st.sampled_from((Mode.REFUSE, Mode.SHOUT)))
    def withdraw_and_refuse(self, mode: Mode) -> None:
        self.chain.hostile.arm(mode)
        answer = self.contract.withdraw("hostile")
        word = str(answer.reason) if isinstance(answer, Rejected) else None
        assert word == self.oracle.tell_withdraw("hostile", is_taken=False)

    @precondition(lambda self: self.is_owed("hostile"))
    @rule(
        again=st.sampled_from(("withdraw", "cancel", "expire", "deliver")), pick=picks
    )
    def withdraw_and_reenter(self, again: str, pick: int) -> None:
        number = (pick % (len(self.oracle.orders) + 1),) if again != "withdraw" else ()
        payload = encode_call(again, *number)
        self.chain.hostile.arm(Mode.REENTER, self.chain.shop, payload)
        before = self.chain.hostile.reentered()
        answer = self.both("withdraw", "hostile")
        assert answer == self.oracle.tell_withdraw("hostile")
        times, successes = self.chain.hostile.reentered()
        assert times - before[0] == (answer is None)
        assert successes == 0

    # The owner

    @rule(
        who=owners,
        kind=kinds,
        price=st.integers(0, 5000) | st.just(2**96 - 1) | st.just(2**96),
    )
    def set_price(self, who: str, kind: tuple[int, ...], price: int) -> None:
        answer = self.both("set_prices", who, [(Design(*kind), price)])
        assert answer == self.oracle.tell_changes(who, "price", [(kind, price)])

    @rule(
        who=owners,
        kind=kinds,
        change=st.integers(-20, 20)
        | st.sampled_from((2**32 - 1, -(2**255), 2**255 - 1)),
    )
    def adjust_stock(self, who: str, kind: tuple[int, ...], change: int) -> None:
        pairs = [((0, 0, 0), 1), (kind, change)]
        answer = self.both("adjust_stock", who, [(Design(*k), c) for k, c in pairs])
        assert answer == self.oracle.tell_changes(who, "stock", pairs)

    @rule(
        who=owners, kind=st.integers(0, 2), name=st.sampled_from(("wax", "", "n" * 33))
    )
    def add_option(self, who: str, kind: int, name: str) -> None:
        answer = self.both("add_option", who, list(OptionKind)[kind], name)
        assert answer == self.oracle.tell_option(who, kind, name)

    @rule(who=owners, what=st.integers(0, 4), other=people, on=st.booleans())
    def run_shop(self, who: str, what: int, other: str, on: bool) -> None:
        oracle = self.oracle
        match what:
            case 0:
                told = oracle.tell_owner(who, "pause", on=on)
                assert self.both("set_paused", who, on) == told
            case 1 | 2:
                party = (Party.MOULDER, Party.COURIER)[what - 1]
                told = oracle.tell_owner(who, party, other, on)
                assert self.both("set_role", who, party, other, on) == told
            case 3:
                told = oracle.tell_owner(who, "offer", other)
                assert self.both("transfer_ownership", who, other) == told
            case _:
                taker = oracle.offered_to if on and oracle.offered_to else who
                told = oracle.tell_owner(taker, "accept")
                assert self.both("accept_ownership", taker) == told

    @precondition(lambda self: self.oracle.closed)
    @rule()
    def reopen(self) -> None:
        """Or hardly anything would ever be sold."""
        owner = self.oracle.owner
        told = self.oracle.tell_owner(owner, "pause", on=False)
        assert self.both("set_paused", owner, False) == told

    # The world

    @rule(pick=picks, extra=st.sampled_from((0, 1, 30 * DAY, 30 * DAY + 1)))
    def wait(self, pick: int, extra: int) -> None:
        """Until some order's deadline, or just past it, or past the claim window."""
        dues = [o["due"] for o in self.oracle.orders if o["due"] >= self.oracle.now]
        if dues:
            self._wait(dues[pick % len(dues)] + extra - self.oracle.now)

    def _wait(self, seconds: int) -> None:
        self.contract.wait(seconds)
        self.model.wait(seconds)
        self.oracle.now += seconds

    @rule(amount=st.integers(1, 1000))
    def force_money_in(self, amount: int) -> None:
        """Self-destruct onto the shop: the only way to pay it without asking."""
        code = b"\x73" + self.chain.shop + b"\xff"
        self.chain.evm.transact(self.chain.address("bob"), b"", code, amount)
        self.forced += amount

    # What always holds

    @invariant()
    def everything_is_as_told(self) -> None:
        """Sums after every step; of the rest, what should have changed, and at every
        eighth step (and in the end) all of it."""
        Taken.steps += self.steps > 0
        self.look(everything=self.steps % LOOK_ROUND_EVERY == 0)
        self.steps += 1

    def look(self, everything: bool) -> None:
        self._look_at_money(everything)
        self._look_at_shelf(everything)
        self._look_at_orders(everything)

    def _look_at_money(self, everything: bool) -> None:
        assert self.chain.wealth() == PURSE * len(self.chain.funded)
        ledger = dict(self.oracle.ledger)
        escrowed = self.contract.escrowed()
        assert escrowed == self.model.escrowed() == ledger.pop("escrow")
        for name in PEOPLE:
            owed = ledger.get(name, 0)
            assert self.model.owed(name) == owed
            if everything or owed != self.known.owed.get(name, 0):
                assert self.contract.owed(name) == owed
        self.known.owed = ledger
        owed_total = self.contract.view("owed_total")
        assert owed_total == sum(ledger.values())
        balance = self.chain.evm.balance(self.chain.shop)
        assert escrowed + owed_total + self.forced == balance
        if everything:
            assert self.contract.view("liabilities") == escrowed + owed_total

    def _look_at_shelf(self, everything: bool) -> None:
        for kind in KINDS:
            told = self.oracle.price.get(kind, 0), self.oracle.stock.get(kind, 0)
            ruled = self.model.sku(Design(*kind))
            assert ruled is not None
            assert (ruled.price, ruled.stock) == told
            assert ruled.stock >= 0
            if everything or told != self.known.shelf.get(kind):
                assert self.contract.sku(Design(*kind)) == ruled
            self.known.shelf[kind] = told

    def _look_at_orders(self, everything: bool) -> None:
        for number, told in enumerate(self.oracle.orders, 1):
            standing = (told["status"], told["due"])
            if not everything and self.known.orders.get(number) == standing:
                continue
            self.known.orders[number] = standing
            seen = self.contract.order(number)
            ruled = self.model.order(number)
            assert (seen.status, seen.deadline_s) == standing
            assert (seen.total, seen.quantity) == (told["cost"], told["quantity"])
            assert (ruled.status, ruled.deadline_s) == standing
            assert seen.catalogue_version == ruled.catalogue_version
            assert seen.design == ruled.design == Design(*told["kind"])

    def teardown(self) -> None:
        """However it stands: in the end nothing strands."""
        if not hasattr(self, "oracle"):
            return
        self.look(everything=True)
        self._wait(200 * DAY)
        for number, order in enumerate(self.oracle.orders, 1):
            if order["due"]:
                who = order["buyer"] if number % 2 else self.oracle.owner
                assert self.both("act", who, Action.EXPIRE, number) is None
                assert self.oracle.tell_act(who, "expire", number) is None
        if self.forced:
            data = encode_call("claim_surplus")
            assert self.chain.transact(self.oracle.owner, data).success
        self.chain.hostile.arm(Mode.REFUSE)
        for name in PEOPLE:
            if self.contract.owed(name):
                # Even an account that cannot be paid has someone who can.
                friend = encode_call("withdraw", self.chain.address("alice"))
                assert self.chain.transact(name, friend).success
        assert self.chain.evm.balance(self.chain.shop) == 0
        assert self.contract.view("liabilities") == 0
        assert self.chain.wealth() == PURSE * len(self.chain.funded)


class TestShopMachine(ShopMachine.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        phases=PHASES,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )

    @classmethod
    def tearDownClass(cls) -> None:
        print(f"the shop took {Taken.steps} random steps in {EXAMPLES} sequences")
