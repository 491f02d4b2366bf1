"""One engine on a stage: the test injects what peers send and sees what they receive.

The stage performs effects as a driver would and holds the engine to its promises while
it does: a record before each signature, the body before each COMMIT, one signature for
each height, round and kind, also across `restart`.
"""

from dataclasses import replace

from node.chain.certificate import CommitCertificate
from node.chain.header import Header
from node.chain.signing import MessageCode
from node.chain.validators import ValidatorSet
from node.consensus import Engine, EngineConfig
from node.consensus.codec import decode_message, encode_message, sign_draft
from node.consensus.effects import (
    BuildBlock,
    CancelTimer,
    CommitBlock,
    Effect,
    ForbidSigning,
    ObtainBlock,
    PersistBody,
    PersistSafetyRecord,
    SetTimer,
    SignAndBroadcast,
    ValidateBlock,
)
from node.consensus.events import (
    BlockBuilt,
    BlockObtained,
    BlockValidated,
    Event,
    MessageReceived,
    NewHeight,
    PeerConnected,
    TimerFired,
    TimerKind,
    TransactionsPending,
)
from node.consensus.messages import (
    BlockReference,
    Draft,
    Message,
    Payload,
    RoundChange,
)
from node.consensus.safety import SafetyRecord, SafetyState
from node.primitives.types import Address, Hash32
from tests.node.consensus.world import (
    DOMAIN,
    GENESIS,
    HashSigner,
    HashVerifier,
    Peer,
    block,
    name_of,
    validators,
    who,
)

CONFIG = EngineConfig(
    own=None,
    gathering_ms=40,
    min_block_interval_ms=100,
    empty_block_period_ms=5_000,
    round_timeout_ms=1_000,
    round_timeout_cap_factor=8,
)


class Stage:
    """The engine of validator `name`, at height 1 of a fresh chain."""

    def __init__(
        self,
        name: str | None = "B",
        names: str = "ABCD",
        safety: SafetyState | None = None,
        config: EngineConfig = CONFIG,
        answers: bool = True,
    ) -> None:
        """`answers`: valid blocks are validated and built ones delivered at once."""
        self.name = name
        self.set = validators(names)
        self.config = replace(config, own=who(name) if name else None)
        self.answers = answers
        self.invalid: list[Hash32] = []
        self.now_ms = 0
        self.records: list[SafetyRecord] = []
        self.bodies: dict[Hash32, None] = {}
        self.signed: dict[tuple[int, int, MessageCode], Payload] = {}
        self.forbidden = 0
        self.sent: list[Message] = []
        self.effects: list[Effect] = []
        self.timers: dict[TimerKind, SetTimer] = {}
        self.committed = list[CommitCertificate]()
        self.engine = Engine(self.config, safety or SafetyState())
        self._inbox: list[Event] = []

    # --- what the test does ---

    def begin(
        self,
        parent: Header = GENESIS,
        pending: bool = False,
        set_: ValidatorSet | None = None,
        coinbases: str = "",
    ) -> "Stage":
        """A new height on the parent."""
        self.set = set_ or self.set
        recent = tuple(who(n) for n in coinbases) or (parent.coinbase,)
        self.step(NewHeight(self.now_ms, parent, self.set, recent, pending))
        return self

    def start(self) -> "Stage":
        """Begin height 1 and its round 0."""
        self.begin(pending=True)
        return self.fire(TimerKind.START)

    def receive(self, *messages: Message, via: str | None = None) -> "Stage":
        """Peers send these; by default each author its own. They cross the wire."""
        for message in messages:
            wire = encode_message(message)
            decoded = decode_message(wire, DOMAIN, HashVerifier())
            assert decoded == message
            peer = who(via) if via else message.signed.author
            self.step(MessageReceived(self.now_ms, peer, decoded))
        return self

    def fire(self, kind: TimerKind) -> "Stage":
        """Wait until this timer fires."""
        timer = self.timers.pop(kind)
        self.now_ms = max(self.now_ms, timer.deadline_ms)
        self.step(TimerFired(self.now_ms, kind, timer.height, timer.round))
        return self

    def pending(self) -> "Stage":
        """A transaction arrives."""
        return self.step(TransactionsPending(self.now_ms))

    def connect(self, name: str) -> "Stage":
        """A peer comes back."""
        return self.step(PeerConnected(self.now_ms, who(name)))

    def validated(self, digest: Hash32, valid: bool = True, **flags: bool) -> "Stage":
        """The driver's verdict on a block of the current height."""
        height = self.height
        return self.step(
            BlockValidated(self.now_ms, height, digest, valid, "said so", **flags)
        )

    def built(self, found: BlockReference | None, round_: int = 0) -> "Stage":
        """The driver's answer to BuildBlock."""
        return self.step(BlockBuilt(self.now_ms, self.height, round_, found))

    def obtained(self, found: BlockReference) -> "Stage":
        """The driver's answer to ObtainBlock."""
        return self.step(BlockObtained(self.now_ms, found.header.number, found))

    def restart(self) -> "Stage":
        """Crash and come back with nothing but the disk."""
        newest = max((r.height for r in self.records), default=0)
        kept = tuple(r for r in self.records if r.height == newest)
        safety = SafetyState(kept, self.forbidden)
        self.engine = Engine(self.config, safety)
        self.timers.clear()
        self.clear()
        return self

    def clear(self) -> "Stage":
        """Forget what was seen so far."""
        self.effects.clear()
        self.sent.clear()
        return self

    def step(self, event: Event) -> "Stage":
        """One event, its effects, and what comes back from them."""
        self._perform(self.engine.step(event))
        while self._inbox:
            self._perform(self.engine.step(self._inbox.pop(0)))
        return self

    # --- what the test looks at ---

    @property
    def height(self) -> int:
        status = self.engine.status()
        assert status is not None
        return status.height

    @property
    def round(self) -> int:
        status = self.engine.status()
        assert status is not None
        return status.round

    def payloads(self) -> list[Payload]:
        """What was signed since `clear`, in order."""
        return [message.signed.payload for message in self.sent]

    def asked(self, kind: type[Effect]) -> list[Effect]:
        """The effects of this kind since `clear`."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def timeout_ms(self, kind: TimerKind = TimerKind.ROUND) -> int:
        """How far away the timer's deadline is."""
        return self.timers[kind].deadline_ms - self.now_ms

    # --- a driver in miniature ---

    def _perform(self, effects: list[Effect]) -> None:
        self.effects += effects
        for effect in effects:
            match effect:
                case PersistSafetyRecord(record):
                    self.records.append(record)
                case PersistBody(_, digest):
                    self.bodies[digest] = None
                case SignAndBroadcast(draft):
                    self._sign(draft)
                case SetTimer(kind):
                    self.timers[kind] = effect
                case CancelTimer(kind):
                    del self.timers[kind]
                case CommitBlock(certificate):
                    self.committed.append(certificate)
                case ForbidSigning(height):
                    self.forbidden = max(self.forbidden, height)
                case ValidateBlock(height, _, proposed) if self.answers:
                    valid = proposed.digest not in self.invalid
                    self._inbox.append(
                        BlockValidated(
                            self.now_ms,
                            height,
                            proposed.digest,
                            valid,
                            "" if valid else "its state root is wrong",
                            effect.certified,
                        )
                    )
                case BuildBlock(height, round_) if self.answers and self.name:
                    made = block(self.name, f"built {height}.{round_}", self._parent)
                    self._inbox.append(BlockBuilt(self.now_ms, height, round_, made))
                case NewHeight() | ObtainBlock():
                    pass

    @property
    def _parent(self) -> Header:
        return GENESIS

    def _sign(self, draft: Draft) -> None:
        assert self.name is not None, "an observer was asked to sign"
        payload = draft.payload
        key = (payload.height, payload.round, payload.code)
        earlier = self.signed.setdefault(key, payload)
        assert earlier == payload, f"contradicts {earlier}: {payload}"
        assert any(_announces(record, payload) for record in self.records), (
            f"signed before it was durable: {payload}"
        )
        if payload.code is MessageCode.COMMIT:
            assert payload.digest in self.bodies, "COMMIT before the body is durable"
        message = sign_draft(draft, DOMAIN, HashSigner(who(self.name)))
        self.sent.append(message)
        self._inbox.insert(0, MessageReceived(self.now_ms, None, message))


def _announces(record: SafetyRecord, payload: Payload) -> bool:
    place = (record.height, record.round, record.code)
    if place != (payload.height, payload.round, payload.code):
        return False
    if isinstance(payload, RoundChange):
        held = record.prepared
        claimed = (payload.prepared_round, payload.prepared_digest)
        return claimed == ((held.round, held.digest) if held else (None, None))
    return record.digest == payload.digest


def peers(names: str) -> list[Peer]:
    """Validators played by the test."""
    return [Peer(name) for name in names]


def names(addresses: tuple[Address, ...]) -> str:
    """Their names, joined."""
    return "".join(name_of(address) for address in addresses)
