"""Several engines, a network that loses, doubles and reorders, disks that survive.

Chaos first (`Cluster.chaos`): any message may be delivered next, twice or never, every
clock runs as it likes, nodes crash and come back with their disks alone. Then healing
(`Cluster.heal`): one clock, ten milliseconds to everywhere, nothing lost. Checked all
the while: one block a height, certificates by quorums, no signature that contradicts an
earlier one of the same validator, records and bodies durable before signatures.
Validators named in `twins` run twice with one key and two logs: they lie.
"""

import heapq
import random
from dataclasses import dataclass, field, replace

from node.chain.certificate import CommitCertificate, validate_certificate
from node.chain.header import Header
from node.chain.signing import MessageCode
from node.consensus import Engine
from node.consensus.codec import sign_draft
from node.consensus.effects import (
    Broadcast,
    BuildBlock,
    CancelTimer,
    CommitBlock,
    Effect,
    Halt,
    ObtainBlock,
    PersistBody,
    PersistSafetyRecord,
    SendTo,
    SetTimer,
    SignAndBroadcast,
    ValidateBlock,
)
from node.consensus.events import (
    RECENT_COINBASES,
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
from node.consensus.messages import BlockReference, Message, Payload
from node.consensus.safety import SafetyRecord, SafetyState
from node.primitives.types import Address, Hash32
from tests.node.consensus.stage import CONFIG
from tests.node.consensus.world import (
    DOMAIN,
    GENESIS,
    HashSigner,
    HashVerifier,
    block,
    validators,
    who,
)

DELAY_MS = 10


@dataclass
class Node:
    """One process: what is on its disk, and what dies with it."""

    id: str
    chain: list[tuple[Header, CommitCertificate]] = field(default_factory=list)
    records: list[SafetyRecord] = field(default_factory=list)
    bodies: dict[Hash32, BlockReference] = field(default_factory=dict)
    # What dies:
    engine: Engine | None = None
    known: dict[Hash32, BlockReference] = field(default_factory=dict)
    timers: dict[TimerKind, SetTimer] = field(default_factory=dict)
    now_ms: int = 0

    @property
    def name(self) -> str:
        return self.id[0]

    @property
    def address(self) -> Address:
        return who(self.name)

    @property
    def head(self) -> Header:
        return self.chain[-1][0] if self.chain else GENESIS


@dataclass(frozen=True)
class Parcel:
    """On its way to a node: an event, or word of how far another node is."""

    to: str
    event: Event | None = None
    source: str = ""


class Cluster:
    """One node for each validator, two for each twin; all start at once."""

    def __init__(self, names: str, seed: int, twins: str = "") -> None:
        self.random = random.Random(seed)
        self.set = validators(names)
        self.twins = twins
        ids = [*names, *(name + "2" for name in twins)]
        self.nodes = {id_: Node(id_) for id_ in ids}
        self.flying: list[Parcel] = []
        self.signed: dict[tuple[Address, int, int, MessageCode], Payload] = {}
        self.final: dict[int, Hash32] = {}
        self.requests: dict[tuple[str, Hash32], ValidateBlock | ObtainBlock] = {}
        self.healing = False
        self.always_pending = False
        self.now_ms = 0
        self.sent = 0
        self.queue: list[tuple[int, int, Parcel]] = []
        self.count = 0
        for id_ in ids:
            self.start(id_)

    # --- nodes ---

    def start(self, id_: str) -> None:
        """Begin, or come back after a crash."""
        node = self.nodes[id_]
        newest = max((r.height for r in node.records), default=0)
        kept = tuple(r for r in node.records if r.height == newest)
        config = replace(CONFIG, own=node.address)
        node.engine = Engine(config, SafetyState(kept))
        self.step(node, self.new_height(node))
        for other in self.alive():
            if other is not node:
                self.post(Parcel(other.id, PeerConnected(0, node.address)))
                self.post(Parcel(id_, PeerConnected(0, other.address)))
                self.post(Parcel(id_, source=other.id))
                self.post(Parcel(other.id, source=id_))

    def crash(self, id_: str) -> None:
        """Kill -9: only the disk is left."""
        node = self.nodes[id_]
        node.engine = None
        node.known.clear()
        node.timers.clear()
        self.flying = [p for p in self.flying if p.to != id_]
        self.requests = {k: v for k, v in self.requests.items() if k[0] != id_}

    def alive(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.engine is not None]

    def honest(self) -> list[Node]:
        return [n for n in self.nodes.values() if n.name not in self.twins]

    def new_height(self, node: Node) -> NewHeight:
        recent = [header.coinbase for header, _ in node.chain[-RECENT_COINBASES:]]
        pending = self.always_pending
        return NewHeight(node.now_ms, node.head, self.set, tuple(recent), pending)

    def step(self, node: Node, event: Event) -> None:
        """One event and all that follows from it inside the node."""
        events = [event]
        while events:
            assert node.engine is not None
            timed = replace(events.pop(0), at_ms=node.now_ms)
            events = self.perform(node, node.engine.step(timed)) + events

    def perform(self, node: Node, effects: list[Effect]) -> list[Event]:
        own: list[Event] = []
        for effect in effects:
            match effect:
                case PersistSafetyRecord(record):
                    node.records.append(record)
                case PersistBody(_, digest):
                    node.bodies[digest] = node.known[digest]
                case SignAndBroadcast():
                    own.append(self.sign(node, effect))
                case Broadcast(message):
                    self.broadcast(node, message)
                case SendTo(peer, message):
                    self.send(node, peer, message)
                case SetTimer(kind):
                    node.timers[kind] = effect
                case CancelTimer(kind):
                    del node.timers[kind]
                case BuildBlock(height, round_):
                    tag = f"{node.id} {height}.{round_} {len(node.records)}"
                    made = block(node.name, tag, node.head)
                    node.known[made.digest] = made
                    built = BlockBuilt(0, height, round_, made)
                    self.post(Parcel(node.id, built))
                case ValidateBlock(block=reference):
                    self.requests[node.id, reference.digest] = effect
                    self.answer_requests()
                case ObtainBlock(_, digest):
                    self.requests[node.id, digest] = effect
                    self.answer_requests()
                case CommitBlock(certificate):
                    self.commit(node, node.known[certificate.digest], certificate)
                    own.append(self.new_height(node))
                case Halt(reason):
                    raise AssertionError(f"{node.id} halts: {reason}")
                case _:
                    pass
        return own

    def sign(self, node: Node, effect: SignAndBroadcast) -> MessageReceived:
        payload = effect.draft.payload
        key = (node.address, payload.height, payload.round, payload.code)
        if node.name not in self.twins:
            earlier = self.signed.setdefault(key, payload)
            assert earlier == payload, f"{node.id} contradicts {earlier}: {payload}"
        assert any((r.height, r.round, r.code) == key[1:] for r in node.records), (
            f"{node.id} signs before it is durable: {payload}"
        )
        if payload.code is MessageCode.COMMIT:
            assert payload.digest in node.bodies
        message = sign_draft(effect.draft, DOMAIN, HashSigner(node.address))
        self.broadcast(node, message)
        return MessageReceived(0, None, message)

    def commit(
        self, node: Node, found: BlockReference, certificate: CommitCertificate
    ) -> None:
        validate_certificate(certificate, self.set, DOMAIN, HashVerifier())
        height = found.header.number
        assert height == node.head.number + 1
        assert self.final.setdefault(height, found.digest) == found.digest, (
            f"two blocks are final at height {height}"
        )
        node.bodies[found.digest] = found
        node.chain.append((found.header, certificate))
        for other in self.nodes:
            self.post(Parcel(other, source=node.id))

    # --- the network ---

    def broadcast(self, node: Node, message: Message) -> None:
        for other in self.nodes.values():
            if other.name != node.name:
                self.post(Parcel(other.id, MessageReceived(0, node.address, message)))

    def send(self, node: Node, peer: Address, message: Message) -> None:
        for other in self.nodes.values():
            if other.address == peer != node.address:
                self.post(Parcel(other.id, MessageReceived(0, node.address, message)))

    def post(self, parcel: Parcel) -> None:
        self.sent += isinstance(parcel.event, MessageReceived)
        if self.healing:
            self.count += 1
            due_ms = self.nodes[parcel.to].now_ms if parcel.source == "" else 0
            due_ms = max(due_ms, self.now_ms) + DELAY_MS
            heapq.heappush(self.queue, (due_ms, self.count, parcel))
        else:
            self.flying.append(parcel)

    def deliver(self, parcel: Parcel) -> None:
        node = self.nodes[parcel.to]
        if node.engine is None:
            return
        if parcel.event is not None:
            self.step(node, parcel.event)
            return
        for header, certificate in self.nodes[parcel.source].chain:
            if header.number == node.head.number + 1:  # catch up
                found = self.nodes[parcel.source].bodies[header.digest]
                node.known[found.digest] = found
                self.commit(node, found, certificate)
                self.step(node, self.new_height(node))

    def answer_requests(self) -> None:
        """Bodies come from whoever lives and has them; none is no answer."""
        for (id_, digest), request in list(self.requests.items()):
            found = self.find(digest)
            if found is None:
                continue
            del self.requests[id_, digest]
            self.nodes[id_].known[digest] = found
            if isinstance(request, ObtainBlock):
                answer: Event = BlockObtained(0, request.height, found)
            else:
                answer = BlockValidated(
                    0, request.height, digest, True, certified=request.certified
                )
            self.post(Parcel(id_, answer))

    def find(self, digest: Hash32) -> BlockReference | None:
        for node in self.alive():
            found = node.known.get(digest) or node.bodies.get(digest)
            if found is not None:
                return found
        return None

    # --- schedules ---

    def chaos(self, steps: int) -> None:
        """Anything may happen next; how often what does, differs between seeds."""
        draw = self.random
        crashes = draw.choice([0.0, 0.003, 0.02])
        timers = draw.choice([0.005, 0.02, 0.1])
        losses = draw.choice([0.0, 0.05, 0.3])
        disorder = draw.choice([1, 5, 50, 10_000])
        for _ in range(steps):
            choice = draw.random()
            if choice < crashes:
                self.crash_or_start()
            elif choice < crashes + timers or not self.flying:
                self.fire(draw.choice(list(self.nodes.values())))
            elif choice > 0.98:
                node = draw.choice(list(self.nodes.values()))
                if node.engine is not None:
                    self.step(node, TransactionsPending(0))
            else:
                self.fly(draw.randrange(min(len(self.flying), disorder)), losses)

    def fly(self, position: int, losses: float) -> None:
        """The message at this position arrives; or it is lost, or arrives twice.

        What the node's own driver answers is late at worst, never lost.
        """
        parcel, fate = self.flying[position], self.random.random()
        if isinstance(parcel.event, BlockBuilt | BlockValidated | BlockObtained):
            fate = 1.0
        if fate > losses / 2:
            self.flying.pop(position)
        if fate < losses / 2 or fate > losses:
            self.deliver(parcel)

    def crash_or_start(self) -> None:
        id_ = self.random.choice(list(self.nodes))
        if self.nodes[id_].engine is None:
            self.start(id_)
        else:
            self.crash(id_)

    def fire(self, node: Node) -> None:
        """The earliest timer of this node."""
        if node.engine is None or not node.timers:
            return
        timer = min(node.timers.values(), key=lambda t: t.deadline_ms)
        del node.timers[timer.kind]
        node.now_ms = max(node.now_ms, timer.deadline_ms)
        fired = TimerFired(0, timer.kind, timer.height, timer.round)
        self.step(node, fired)

    def heal(self, dead: str = "") -> int:
        """Everything works from now on, but for the dead. Milliseconds to a commit."""
        self.begin_healing()
        start_ms = self.now_ms
        for id_, node in self.nodes.items():
            if node.name in dead or node.name in self.twins:
                self.crash(id_)
            elif node.engine is None:
                self.start(id_)
        for node in self.alive():
            for other in self.alive():
                if node is not other:
                    self.post(Parcel(node.id, PeerConnected(0, other.address)))
                    self.post(Parcel(node.id, source=other.id))
        self.announce()
        self.answer_requests()
        self.run_to_height(max(self.final, default=0) + 1)
        return self.now_ms - start_ms

    def begin_healing(self) -> None:
        """One clock for all; what is under way arrives."""
        self.healing = True
        self.now_ms = max(node.now_ms for node in self.nodes.values())
        for node in self.nodes.values():
            node.now_ms = self.now_ms
        self.flying, flying = [], self.flying
        for parcel in flying:
            self.post(parcel)

    def announce(self, name: str = "") -> None:
        """A transaction reaches this validator, or all that live."""
        for node in self.alive():
            if name in ("", node.name):
                self.step(node, TransactionsPending(0))

    def round_of(self, name: str) -> int:
        """Where this validator is."""
        engine = self.nodes[name].engine
        status = engine.status() if engine else None
        return status.round if status else -1

    def run_to_height(self, height: int) -> None:
        """Until this height is final somewhere."""
        limit_ms = self.now_ms + 1_000_000
        while height not in self.final:
            self.tick()
            assert self.now_ms < limit_ms, f"height {height} is never final"

    def tick(self) -> None:
        """The next thing that is due, in virtual time."""
        timers = [
            (timer.deadline_ms, node.id, timer.kind)
            for node in self.alive()
            for timer in node.timers.values()
        ]
        timer = min(timers, default=None)
        due_ms = self.queue[0][0] if self.queue else None
        if timer is not None and (due_ms is None or timer[0] < due_ms):
            self.now_ms = max(self.now_ms, timer[0])
            for node in self.nodes.values():
                node.now_ms = self.now_ms
            self.fire(self.nodes[timer[1]])
            return
        assert due_ms is not None, "nothing will ever happen again"
        self.now_ms = max(self.now_ms, due_ms)
        for node in self.nodes.values():
            node.now_ms = self.now_ms
        self.deliver(heapq.heappop(self.queue)[2])
