"""The waiting transactions of one sender.

Nonces `nonce` (the account's) up to `ready_end` are held without a gap: executable one
after the other. What lies above waits for the missing nonce.
"""

from node.primitives.types import Address
from node.txpool.entries import Entry


class SenderQueue:
    """Transactions by nonce; counts and costs are kept, never recomputed."""

    __slots__ = ("address", "balance", "cost", "nonce", "ready_end", "txs")

    def __init__(self, address: Address, nonce: int, balance: int) -> None:
        self.address = address
        self.nonce = nonce
        self.balance = balance
        self.ready_end = nonce
        self.cost = 0
        self.txs: dict[int, Entry] = {}

    @property
    def gapped(self) -> int:
        """How many wait behind a missing nonce."""
        return len(self.txs) - (self.ready_end - self.nonce)

    def put(self, entry: Entry) -> None:
        """Hold the entry; its nonce must be free and not below the account's."""
        nonce = entry.info.nonce
        self.txs[nonce] = entry
        self.cost += entry.info.max_cost
        if nonce == self.ready_end:
            self._extend()

    def replace(self, entry: Entry) -> Entry:
        """Put the entry in the place of the one with its nonce; returns that one."""
        old = self.txs[entry.info.nonce]
        self.txs[entry.info.nonce] = entry
        self.cost += entry.info.max_cost - old.info.max_cost
        return old

    def remove(self, nonce: int) -> Entry:
        """Take one out; those above it wait for its nonce from now on."""
        entry = self.txs.pop(nonce)
        self.cost -= entry.info.max_cost
        if nonce < self.ready_end:
            self.ready_end = nonce
        return entry

    def advance(self, nonce: int) -> list[Entry]:
        """The account's nonce is now `nonce`: take out all below, in order."""
        if nonce <= self.nonce:
            return []
        gone = range(self.nonce, min(nonce, self.ready_end))
        used = [self.txs.pop(at) for at in gone]
        if nonce > self.ready_end:
            late = sorted(at for at in self.txs if at < nonce)
            used += [self.txs.pop(at) for at in late]
        self.cost -= sum(entry.info.max_cost for entry in used)
        self.nonce = nonce
        if nonce >= self.ready_end:
            self.ready_end = nonce
            self._extend()
        return used

    def unpayable(self) -> list[int]:
        """Nonces of transactions that cost more than the whole balance, highest
        first."""
        if self.cost <= self.balance:
            return []
        found = [
            at for at, entry in self.txs.items() if entry.info.max_cost > self.balance
        ]
        return sorted(found, reverse=True)

    def tail(self) -> Entry:
        """The entry with the highest nonce: nothing of the sender depends on it."""
        if self.gapped:
            return self.txs[max(self.txs)]
        return self.txs[self.ready_end - 1]

    def ready(self) -> list[Entry]:
        """Executable entries in order."""
        return [self.txs[at] for at in range(self.nonce, self.ready_end)]

    def waiting(self) -> list[Entry]:
        """Entries behind a missing nonce, in order."""
        return [self.txs[at] for at in sorted(self.txs) if at >= self.ready_end]

    def _extend(self) -> None:
        end = self.ready_end
        while end in self.txs:
            end += 1
        self.ready_end = end
