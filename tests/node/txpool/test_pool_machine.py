"""The pool against a naive model: a list of transactions and nothing cleverer."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from node.primitives.types import Address
from node.txpool.entries import Refusal
from node.txpool.limits import PoolLimits
from node.txpool.pool import TxPool
from tests.node.txpool.factory import Transaction, tx

SENDERS = [Address(bytes([n]) * 20) for n in (1, 2, 3)]
LIMITS = PoolLimits(
    transactions=12,
    bytes=10_000,
    per_sender=6,
    gapped_per_sender=3,
    gapped_share=0.5,
    evict_share=0.0,
)

senders = st.sampled_from(SENDERS)
fees = st.sampled_from([0, 1, 10, 11, 100])


class PoolMachine(RuleBasedStateMachine):
    """Every transaction ever admitted is in the model until its end is reported."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = TxPool(LIMITS)
        self.accounts = dict.fromkeys(SENDERS, (0, 100_000))
        self.held: dict[bytes, Transaction] = {}
        self.at_ms = 0

    def model_of(self, sender: Address) -> dict[int, bytes]:
        return {
            info.nonce: tx_hash
            for tx_hash, (info, _) in self.held.items()
            if info.sender == sender
        }

    def model_ready(self, sender: Address) -> list[bytes]:
        nonce, _ = self.accounts[sender]
        mine = self.model_of(sender)
        found = []
        while nonce in mine:
            found.append(mine[nonce])
            nonce += 1
        return found

    @rule(
        sender=senders,
        ahead=st.integers(-1, 5),
        fee=fees,
        cost=st.sampled_from([1_000, 60_000]),
    )
    def add(self, sender: Address, ahead: int, fee: int, cost: int) -> None:
        nonce, balance = self.accounts[sender]
        info, raw = tx(sender, max(0, nonce + ahead), fee=fee, cost=cost)
        mine = self.model_of(sender)
        spent = sum(self.held[h][0].max_cost for h in mine.values())
        full = len(self.held) >= LIMITS.transactions
        gap = info.nonce != nonce + len(self.model_ready(sender))
        result = self.pool.add([(info, raw)], self.accounts, 0, self.at_ms)
        for dropped in result.dropped:
            del self.held[dropped.hash]
        (admission,) = result.admissions
        if admission.ok:
            assert info.nonce >= nonce
            self.held[info.hash] = (info, raw)
            return
        match admission.refusal:
            case Refusal.NONCE_TOO_LOW:
                assert info.nonce < nonce
            case Refusal.REPLACEMENT_UNDERPRICED:
                old = self.held[mine[info.nonce]][0]
                assert fee <= old.max_fee or fee * 100 < old.max_fee * 110
            case Refusal.INSUFFICIENT_FUNDS:
                replaced = mine.get(info.nonce)
                freed = self.held[replaced][0].max_cost if replaced else 0
                assert spent - freed + cost > balance
            case Refusal.SENDER_LIMIT:
                assert len(mine) == LIMITS.per_sender
            case Refusal.GAP_LIMIT:
                assert gap
            case Refusal.POOL_FULL:
                assert full
            case other:
                raise AssertionError(f"unexpected: {other}")

    @rule(gas=st.integers(0, 8), data=st.data())
    def block(self, gas: int, data: st.DataObject) -> None:
        chosen = self.pool.select(gas * 21_000, 10**6, 0).hashes
        assert len(chosen) == min(gas, sum(len(self.model_ready(s)) for s in SENDERS))
        for tx_hash in chosen:
            info, _ = self.held[tx_hash]
            nonce, balance = self.accounts[info.sender]
            assert info.nonce == nonce
            self.accounts[info.sender] = (nonce + 1, balance)
            del self.held[tx_hash]
        richer = data.draw(st.sampled_from([30_000, 100_000]))
        for sender in SENDERS:
            self.accounts[sender] = (self.accounts[sender][0], richer)
        self.report(chosen)

    @rule(sender=senders, by=st.integers(1, 3))
    def used_elsewhere(self, sender: Address, by: int) -> None:
        nonce, balance = self.accounts[sender]
        self.accounts[sender] = (nonce + by, balance)
        self.report([])

    def report(self, included: list[bytes]) -> None:
        touched = [(sender, *self.accounts[sender]) for sender in SENDERS]
        for dropped in self.pool.on_block(included, touched, self.at_ms):
            info, _ = self.held.pop(dropped.hash)
            nonce, balance = self.accounts[info.sender]
            assert info.nonce < nonce or info.max_cost > balance

    @rule(data=st.data())
    def quarantine(self, data: st.DataObject) -> None:
        if self.held:
            tx_hash = data.draw(st.sampled_from(list(self.held)))
            (dropped,) = self.pool.quarantine(tx_hash, "bad")
            del self.held[dropped.hash]

    @rule(by=st.sampled_from([10_000, 700_000, 20_000_000]))
    def wait(self, by: int) -> None:
        self.at_ms += by
        for dropped in self.pool.expire(self.at_ms):
            del self.held[dropped.hash]

    @invariant()
    def holds_exactly_the_model(self) -> None:
        hashes = list(self.held)
        raws = [raw for _, raw in self.held.values()]
        assert self.pool.get_many(hashes) == raws
        assert len(self.pool) == len(self.held)
        assert self.pool.size_bytes == sum(map(len, raws))
        ready = {s: self.model_ready(s) for s in SENDERS}
        count = sum(map(len, ready.values()))
        assert self.pool.counts == (count, len(self.held) - count)
        assert self.pool.has_executable(0) == (count > 0)
        content = self.pool.content()
        for sender in SENDERS:
            pending = [e.info.hash for e in content.pending.get(sender, [])]
            assert pending == ready[sender]
            if self.model_of(sender):
                nonce = self.accounts[sender][0] + len(ready[sender])
                assert self.pool.next_nonce(sender) == nonce

    @invariant()
    def stays_within_its_limits(self) -> None:
        assert len(self.pool) <= LIMITS.transactions
        for sender in SENDERS:
            assert len(self.model_of(sender)) <= LIMITS.per_sender


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=150, stateful_step_count=40)
