"""The shoppers' wallets: pre-signed orders, nonces in order, and what is unresolved.

Transactions of one account must arrive in the order of their nonces. The plan says in
advance which nonce each will have, so they are signed before the load; a shopper who
left early has skipped some, and then later ones are signed anew when they are needed
(counted, with the CPU time it took). Before a new transaction the wallet rebroadcasts
what it sent and never saw final, as wallets do: a node may have died with it. What no
node ever took is given up instead, and its nonce is used again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.adapters.chain.signing import Account, Call, Fees, Signed
from bench.workload.plan import Session

Key = tuple[int, int]  # session number, position of the step
MakeCall = Callable[[Session, int], Call]


class Wallets:
    """All customers' accounts and transactions."""

    def __init__(self, accounts: Sequence[Account], fees: Fees) -> None:
        self.accounts = list(accounts)
        self.numbers = {account.address: n for n, account in enumerate(accounts)}
        self._fees = fees
        self._next_nonce = [0] * len(self.accounts)
        self._signed: dict[Key, Signed] = {}
        self._used: dict[Key, Signed] = {}
        self._keys: dict[str, Key] = {}
        self._unresolved: list[dict[int, Signed]] = [{} for _ in self.accounts]
        self._sent: set[str] = set()
        self._under_way: Counter[str] = Counter()
        self.signed_count = 0
        self.signed_anew = 0
        self.signing_cpu_s = 0.0

    def start_at(self, nonces: Sequence[int]) -> None:
        """Take over what the chain says of each account's next nonce."""
        self._next_nonce = list(nonces)

    def sign_next(self, customer: int, call: Call) -> Signed:
        """Sign one transaction with the next nonce, outside any plan."""
        signed = self._sign(customer, self._next_nonce[customer], call)
        self._next_nonce[customer] += 1
        return signed

    def sign_plan(
        self, plan: Sequence[Session], writes: Sequence[str], make_call: MakeCall
    ) -> None:
        """Sign every planned transaction with the nonce it will have if all go well."""
        nonces = list(self._next_nonce)
        for session in plan:
            for position, step in enumerate(session.steps):
                if step.operation in writes:
                    nonce = nonces[session.customer]
                    nonces[session.customer] += 1
                    self._signed[session.number, position] = self._sign(
                        session.customer, nonce, make_call(session, position)
                    )

    def transaction(
        self, session: Session, position: int, make_call: MakeCall
    ) -> Signed:
        """The step's transaction: the same bytes at every attempt."""
        key = (session.number, position)
        if key in self._used:
            return self._used[key]
        customer = session.customer
        self._give_up_unsent(customer)
        nonce = self._next_nonce[customer]
        signed = self._signed.get(key)
        if signed is None or signed.nonce != nonce:
            self.signed_anew += signed is not None
            signed = self._sign(customer, nonce, make_call(session, position))
        self._next_nonce[customer] += 1
        self._used[key] = signed
        self._keys[signed.digest] = key
        self._unresolved[customer][nonce] = signed
        return signed

    @contextmanager
    def attempt(self, signed: Signed) -> Iterator[None]:
        """While an attempt is under way nobody may take its nonce, though no node has
        said yet that it took the transaction: another visit of the same customer."""
        self._under_way[signed.digest] += 1
        try:
            yield
        finally:
            self._under_way[signed.digest] -= 1
            if not self._under_way[signed.digest]:
                del self._under_way[signed.digest]

    def sent(self, signed: Signed) -> None:
        """A node has it, or may have it."""
        self._sent.add(signed.digest)

    def resolved(self, customer: int, signed: Signed) -> None:
        """The transaction is final, or certainly will never be: forget it."""
        self._unresolved[customer].pop(signed.nonce, None)

    def rebroadcast(self, customer: int, before_nonce: int) -> list[Signed]:
        """What the customer sent earlier and never saw final, by rising nonce."""
        waiting = self._unresolved[customer]
        return [waiting[nonce] for nonce in sorted(waiting) if nonce < before_nonce]

    def _give_up_unsent(self, customer: int) -> None:
        """Take back the last nonces if what used them certainly reached no node."""
        waiting = self._unresolved[customer]
        while last := waiting.get(self._next_nonce[customer] - 1):
            if last.digest in self._sent or last.digest in self._under_way:
                return
            del waiting[last.nonce]
            # Its own visit, should it try again, gets another nonce.
            self._used.pop(self._keys.pop(last.digest), None)
            self._next_nonce[customer] = last.nonce

    def _sign(self, customer: int, nonce: int, call: Call) -> Signed:
        began_ns = time.thread_time_ns()
        signed = self.accounts[customer].sign(self._fees, nonce, call)
        self.signing_cpu_s += (time.thread_time_ns() - began_ns) / 1e9
        self.signed_count += 1
        return signed
