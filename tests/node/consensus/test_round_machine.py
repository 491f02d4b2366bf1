"""One engine against peers that say anything: a state machine of hypothesis.

The stage checks that nothing contradicts an earlier signature and that records and
bodies precede signatures, also across crashes; here, that what the engine signs is
always justified, that rounds only rise, and that a final block has its quorum.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.chain.certificate import validate_certificate
from node.consensus.events import TimerKind
from node.consensus.justification import (
    is_justified_proposal,
    is_justified_round_change,
)
from node.consensus.messages import (
    Message,
    PreparedCertificate,
    ProposalMessage,
    RoundChangeMessage,
)
from tests.node.consensus.stage import Stage
from tests.node.consensus.world import (
    DOMAIN,
    GENESIS,
    HashVerifier,
    Peer,
    block,
    certificate,
    name_of,
    validators,
    who,
)

NAMES = st.sampled_from("ACD")
ROUNDS = st.integers(0, 6)
TAGS = st.sampled_from(["x", "y"])
QUORUMS = st.sampled_from(["ABC", "ACD", "BCD", "ABCD", "AC"])


class RoundMachine(RuleBasedStateMachine):
    """B among A, C and D, which may all lie."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage("B", answers=False).begin(pending=True)
        self.lowest_round = 0
        self.answered = 0

    def proposer(self, round_: int) -> str:
        return name_of(validators().proposer(GENESIS.coinbase, round_))

    def held(self, names: str, round_: int, tag: str) -> PreparedCertificate:
        return certificate(names, round_, block(self.proposer(round_), tag).digest)

    @rule(round_=ROUNDS, tag=TAGS, names=QUORUMS, at=st.none() | ROUNDS)
    def propose(self, round_: int, tag: str, names: str, at: int | None) -> None:
        name = self.proposer(round_)
        if name == "B":
            return
        held = None if at is None else self.held(names, at, tag)
        changes = tuple(
            Peer(n).round_change(round_, held if n == names[0] else None).signed
            for n in (names if round_ else "")
        )
        fresh = block(name if at is None else self.proposer(at), tag)
        prepares = held.prepares if held and round_ else ()
        self.stage.receive(Peer(name).proposal(round_, fresh, changes, prepares))

    @rule(name=NAMES, round_=ROUNDS, tag=TAGS)
    def prepare(self, name: str, round_: int, tag: str) -> None:
        digest = block(self.proposer(round_), tag).digest
        self.stage.receive(Peer(name).prepare(round_, digest))

    @rule(name=NAMES, round_=ROUNDS, tag=TAGS)
    def commit(self, name: str, round_: int, tag: str) -> None:
        digest = block(self.proposer(round_), tag).digest
        self.stage.receive(Peer(name).commit(round_, digest))

    @rule(name=NAMES, round_=ROUNDS, tag=TAGS, names=QUORUMS, at=st.none() | ROUNDS)
    def change(
        self, name: str, round_: int, tag: str, names: str, at: int | None
    ) -> None:
        held = None if at is None else self.held(names, at, tag)
        self.stage.receive(Peer(name).round_change(round_, held))

    @rule(tag=TAGS, round_=ROUNDS, valid=st.booleans(), certified=st.booleans())
    def validate(self, tag: str, round_: int, valid: bool, certified: bool) -> None:
        digest = block(self.proposer(round_), tag).digest
        self.stage.validated(digest, valid or certified, certified=certified)

    @rule(tag=TAGS)
    def obtain(self, tag: str) -> None:
        for name in "ABCD":
            self.stage.obtained(block(name, tag))

    @rule(tag=TAGS, works=st.booleans())
    def build(self, tag: str, works: bool) -> None:
        self.stage.built(block("B", tag) if works else None, self.stage.round)

    @precondition(lambda self: self.stage.timers)
    @rule(data=st.data())
    def fire(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(sorted(self.stage.timers)))
        self.stage.fire(TimerKind(kind))

    @rule()
    def crash(self) -> None:
        signed = [p.round for p in self.stage.signed.values()]
        self.lowest_round = max(signed, default=0)
        self.stage.restart().begin(pending=True)

    @rule(name=NAMES)
    def connect(self, name: str) -> None:
        self.stage.connect(name)

    @invariant()
    def rounds_only_rise(self) -> None:
        assert self.stage.round >= self.lowest_round
        self.lowest_round = self.stage.round

    @invariant()
    def what_is_signed_is_justified(self) -> None:
        for message in self.stage.sent:
            assert self.is_justified(message), message
        self.stage.clear()

    def is_justified(self, message: Message) -> bool:
        if isinstance(message, ProposalMessage):
            proposer = self.proposer(message.signed.payload.round)
            justified = is_justified_proposal(message, validators(), GENESIS)
            return proposer == "B" and justified
        if isinstance(message, RoundChangeMessage):
            return is_justified_round_change(message, validators())
        return message.signed.author == who("B")

    @invariant()
    def certificates_hold(self) -> None:
        for found in self.stage.committed:
            validate_certificate(found, validators(), DOMAIN, HashVerifier())


RoundMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
TestRoundMachine = RoundMachine.TestCase
