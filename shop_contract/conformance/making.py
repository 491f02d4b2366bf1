"""Vectors that nobody wrote: random sequences, answered by the rules.

Each step is drawn from a seed, taken by the model in memory, and written down with the
model's answer and what can be seen afterwards. What comes out is a vector like any
other, to be asked of the contract and of the web API; the seed is in its name.
"""

import random
from typing import TYPE_CHECKING, Any

from shop_contract.conformance.adapter import Ability
from shop_contract.conformance.model import ModelAdapter
from shop_contract.conformance.runner import Run, take_opening
from shop_contract.conformance.vectors import Vector, design_of
from shop_contract.rules.limits import CLAIM_WINDOW_S
from shop_contract.rules.orders import FINAL, Action, Moved, Status, transition
from shop_contract.rules.reasons import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE = ("alice", "bob", "carol")
CUSTOMERS = (*PEOPLE * 4, "owner", "moulder")  # the shop's own people buy too
EVERYBODY = ("owner", "moulder", "courier", *PEOPLE)
SOLD = ("0/0/0", "0/1/1", "1/0/0")
ODD = ("1/1/1", "2/0/0", "0/0/2", "0/300/0", "65536/0/0")
QUANTITIES = (*("1", "2", "3") * 8, "7", "0", "1000", "1001", str(2**256 - 1))
NEARLY = (*(0,) * 8, 1, -1)  # added to what is right
LENGTHS = (*(64,) * 12, 0, 0, 1, 512, 513)
FORWARD = (Action.MOULD, Action.SHIP, Action.DELIVER, Action.RELEASE)
STEPS = tuple(a for a in Action if a not in {Action.PAY, Action.REDIRECT})

Step = dict[str, Any]


def made_vector(seed: int, length: int, two_steps: bool = False) -> Vector:
    """A vector of so many steps. With `two_steps` orders are also placed unpaid, which
    the contract cannot do."""
    maker = _Maker(random.Random(seed), two_steps)
    steps = [maker.next() for _ in range(length)]
    needs = set(Ability) if two_steps else set(Ability) - {Ability.TWO_STEPS}
    return Vector(f"made from seed {seed}", frozenset(needs), steps)


class _Maker:
    """Draws steps that might well be taken, and some that should not."""

    def __init__(self, dice: random.Random, two_steps: bool) -> None:
        self._dice = dice
        self._model = ModelAdapter()
        take_opening(self._model)
        self._run = Run(self._model)
        self._names: list[str] = []  # of references that stand for an order
        self._drawn = 0
        draws: list[tuple[int, Callable[[], Step]]] = [
            (9, self._place),
            (2, self._batch),
            (12, self._likely),
            (3, self._unlikely),
            (2, self._redirect),
            (1, self._profile),
            (2, self._withdraw),
            (2, self._keep_shelf),
            (2, self._run_shop),
            (2, self._hand_over),
            (2, self._wait),
        ]
        if two_steps:
            draws += [(3, self._unpaid), (4, self._pay)]
        self._draws = [draw for weight, draw in draws for _ in range(weight)]

    def next(self) -> Step:
        """The next step, with the answer and what is seen after it."""
        step = self._dice.choice(self._draws)()
        answer = self._run.perform(step)
        if isinstance(answer, Rejected):
            step["expect"] = f"rejected: {answer.reason.value}"
        elif step["op"] == "withdraw":
            step["amount_out"] = str(answer)
        else:
            placed = step["orders"] if step["op"] == "place_batch" else [step]
            self._names += [o["reference"] for o in placed if "reference" in o]
        step["then"] = self._seen(step)
        return step

    def _seen(self, step: Step) -> dict[str, Any]:
        touched: set[str] = {str(step.get("order")), *self._names[-2:]}
        orders = sorted(touched & set(self._names))
        ended = [name for name in orders if self._order(name).status in FINAL]
        asked = {
            "owed": sorted({step.get("by", "alice"), *self._buyers(orders)}),
            "status": orders,
            "deadline": ended,
            "deadline_in": [name for name in orders if name not in ended],
            "stock": list(SOLD),
        }
        seen: dict[str, Any] = {
            name: {key: str(self._run.observe(name, key)) for key in keys}
            for name, keys in asked.items()
        }
        for name in ("escrowed", "version"):
            seen[name] = str(self._run.observe(name, ""))
        return seen

    def _buyers(self, orders: list[str]) -> list[str]:
        return [self._order(name).buyer for name in orders]

    def _order(self, name: str) -> Any:
        return self._model.order(self._run.handle(name))

    # Customers

    def _wish(self) -> Step:
        kind = self._dice.choice(SOLD[:2] * 30 + SOLD + ODD)
        sku = self._model.sku(design_of(kind))
        price = sku.price if sku is not None else 0
        self._drawn += self._dice.random() < 0.9  # else a reference is used again
        name = f"r{self._drawn}"
        wish = {
            "reference": name if self._dice.random() < 0.98 else "0x" + "00" * 32,
            "design": kind,
            "quantity": self._dice.choice(QUANTITIES),
            "delivery": f"bytes:{self._dice.choice(LENGTHS)}",
            "maximum_price": str(max(price + self._dice.choice(NEARLY), 0)),
        }
        return wish

    def _due(self, wishes: list[Step]) -> str:
        due = 0
        for wish in wishes:
            sku = self._model.sku(design_of(wish["design"]))
            if sku is not None and int(wish["quantity"]) <= 1000:
                due += sku.price * int(wish["quantity"])
        return str(max(due + self._dice.choice(NEARLY), 0))

    def _place(self) -> Step:
        wish = self._wish()
        by = self._dice.choice(CUSTOMERS)
        return {"op": "place", "by": by, **wish, "payment": self._due([wish])}

    def _batch(self) -> Step:
        size = self._dice.choice((0, 1, 2, 2, 2, 3, 3, 16, 17))
        wishes = [self._wish() for _ in range(size)]
        if size > 3:  # or hardly any would be taken whole
            plain = {"design": "0/1/1", "quantity": "1", "maximum_price": "9" * 30}
            wishes = [{**wish, **plain, "delivery": "bytes:9"} for wish in wishes]
        by = self._dice.choice(CUSTOMERS)
        due = self._due(wishes)
        return {"op": "place_batch", "by": by, "orders": wishes, "payment": due}

    def _unpaid(self) -> Step:
        by = self._dice.choice(CUSTOMERS)
        return {"op": "place_unpaid", "by": by, **self._wish()}

    def _pay(self) -> Step:
        unpaid = [n for n in self._names if self._order(n).status is Status.PLACED]
        name = self._dice.choice(unpaid) if unpaid else self._any_order()
        amount, by = 1000, self._dice.choice(CUSTOMERS)
        if name != "unknown":
            order = self._order(name)
            amount = order.total + self._dice.choice(NEARLY)
            by = order.buyer if self._dice.random() < 0.9 else by
        return {"op": "pay", "by": by, "order": name, "amount": str(amount)}

    def _redirect(self) -> Step:
        name = self._any_order()
        by = self._dice.choice(CUSTOMERS)
        if name != "unknown" and self._dice.random() < 0.7:
            by = self._order(name).buyer
        length = self._dice.choice(LENGTHS)
        return {
            "op": "redirect",
            "by": by,
            "order": name,
            "delivery": f"bytes:{length}",
        }

    def _profile(self) -> Step:
        by, length = self._dice.choice(CUSTOMERS), self._dice.choice(LENGTHS)
        return {"op": "set_profile", "by": by, "delivery": f"bytes:{length}"}

    def _withdraw(self) -> Step:
        return {"op": "withdraw", "by": self._dice.choice(EVERYBODY)}

    # Orders

    def _any_order(self) -> str:
        known = self._names and self._dice.random() < 0.95
        return self._dice.choice(self._names) if known else "unknown"

    def _likely(self) -> Step:
        """A step that some order may well take now, by somebody who may take it."""
        waiting = [n for n in self._names if self._order(n).status not in FINAL]
        if not waiting:
            return self._unlikely()
        name = self._dice.choice(waiting)
        moves = [move for a in STEPS for move in self._moves(name, a)]
        if not moves:
            return self._unlikely()
        action, by = self._dice.choice(moves)
        return {"op": action.value, "by": by, "order": name}

    def _moves(self, name: str, action: Action) -> list[tuple[Action, str]]:
        """By whom the order could be moved so now; forward steps count thrice."""
        order = self._model.shop.order(int(self._run.handle(name)))
        now_s = self._model.now_s()
        able = [
            (action, by)
            for by in EVERYBODY
            if isinstance(
                transition(order, action, self._model.shop.actor(by), now_s), Moved
            )
        ]
        return able * (3 if action in FORWARD else 1)

    def _unlikely(self) -> Step:
        action = self._dice.choice(STEPS)
        by = self._dice.choice(EVERYBODY)
        return {"op": action.value, "by": by, "order": self._any_order()}

    def _wait(self) -> Step:
        """To the second of some deadline, or just past it, or past the claim window."""
        now_s = self._model.now_s()
        waiting = [o for o in map(self._order, self._names) if o.deadline_s]
        shipped = [o for o in waiting if o.status is Status.SHIPPED]
        if shipped and self._dice.random() < 0.5:
            ends = [o.deadline_s + CLAIM_WINDOW_S for o in shipped]
        else:
            ends = [o.deadline_s for o in waiting]
        extra = self._dice.choice((0, 1, 1))
        ahead = [end + extra - now_s for end in ends if end + extra > now_s]
        return {"op": "wait", "seconds": self._dice.choice(ahead) if ahead else 60}

    # The owner

    def _keeper(self) -> str:
        owner = self._model.shop.owner
        return owner if self._dice.random() < 0.85 else self._dice.choice(EVERYBODY)

    def _keep_shelf(self) -> Step:
        by = self._keeper()
        kinds = self._dice.sample(SOLD + ODD[:2], self._dice.choice((0, 1, 1, 2, 3)))
        match self._dice.randrange(5):
            case 0 | 1:
                prices = {
                    k: self._dice.choice(("0", "900", "1100", "3")) for k in kinds
                }
                return {"op": "set_prices", "by": by, "prices": prices}
            case 2 | 3:
                changes = {k: self._dice.choice((5, 20, -3, -2000)) for k in kinds}
                return {"op": "adjust_stock", "by": by, "changes": changes}
        kind = self._dice.choice(("shape", "size", "scent"))
        name = self._dice.choice(("wax", "n" * 32, "n" * 33, ""))
        return {"op": "add_option", "by": by, "kind": kind, "name": name}

    def _run_shop(self) -> Step:
        shop, by = self._model.shop, self._keeper()
        if self._dice.random() < (0.8 if shop.paused else 0.12):
            return {"op": "set_paused", "by": by, "paused": not shop.paused}
        return {
            "op": "set_role",
            "by": by,
            "party": self._dice.choice(("moulder", "courier")),
            "holder": self._dice.choice(EVERYBODY),
            "enabled": self._dice.random() < 0.7,
        }

    def _hand_over(self) -> Step:
        heir = self._model.shop.pending_owner
        if heir is not None and self._dice.random() < 0.6:
            return {"op": "accept_ownership", "by": heir}
        if self._dice.random() < 0.4:
            return {"op": "accept_ownership", "by": self._dice.choice(EVERYBODY)}
        to = self._dice.choice(EVERYBODY)
        return {"op": "transfer_ownership", "by": self._keeper(), "to": to}
