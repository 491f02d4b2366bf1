"""Runs a trace: a script of what happens to one engine, with what it asks for below.

    # comments stay
    > engine B of ABCD             the validator under test, and the set
    > height | height pending      NewHeight on the genesis block (or the final block)
    > timer start|round|resend     the timer fires at its deadline
    > pending                      a transaction arrives
    > connect C                    a peer comes back
    > A: proposal 0 x              blocks are single letters; A's coinbase unless x/B
    > B: proposal 1 y/B changes ABD [prepared A x@0 of ABC]
    > A: prepare 0 x  |  A: commit 0 x
    > A: round-change 1 [prepared x@0 of ABC]
    > built x | built nothing | valid x | invalid x | certified x | obtained x
    > crash                        the disk survives

Validation and building are answered by the script alone.
"""

from typing import Any

from node.consensus.effects import (
    Broadcast,
    BuildBlock,
    CancelTimer,
    CommitBlock,
    Effect,
    ForbidSigning,
    Halt,
    ObtainBlock,
    PersistBody,
    PersistSafetyRecord,
    RecordEvidence,
    ReportPeer,
    SendTo,
    SetTimer,
    SignAndBroadcast,
    ValidateBlock,
)
from node.consensus.events import TimerKind
from node.consensus.messages import (
    BlockReference,
    Message,
    Payload,
    PreparedCertificate,
    ProposalMessage,
    RoundChange,
    Signed,
)
from node.primitives.types import Address, Hash32
from tests.node.consensus.stage import Stage
from tests.node.consensus.world import GENESIS, Peer, block, certificate, name_of


class Script:
    """One trace being run."""

    def __init__(self) -> None:
        self._stage = Stage("B", answers=False)
        self._parent = GENESIS
        self._letters: dict[Hash32, str] = {}
        self._blocks: dict[str, BlockReference] = {}

    def run(self, text: str) -> str:
        """The text with every command's output renewed."""
        lines: list[str] = []
        for line in text.splitlines():
            if line.startswith("> "):
                self._stage.clear()
                self._command(line[2:].split())
                lines += [line, *self._output()]
            elif not line.startswith("  "):
                lines.append(line)
        return "\n".join(lines) + "\n"

    def _command(self, words: list[str]) -> None:
        name, *rest = words
        if name.endswith(":"):
            self._stage.receive(self._message(Peer(name[0]), rest))
            return
        commands: dict[str, Any] = {
            "engine": self._engine,
            "height": self._height,
            "timer": lambda a: self._stage.fire(TimerKind(a[0])),
            "pending": lambda a: self._stage.pending(),
            "connect": lambda a: self._stage.connect(a[0]),
            "built": self._built,
            "valid": lambda a: self._stage.validated(self._block(a[0]).digest),
            "invalid": lambda a: self._stage.validated(
                self._block(a[0]).digest, valid=False
            ),
            "certified": lambda a: self._stage.validated(
                self._block(a[0]).digest, certified=True
            ),
            "obtained": lambda a: self._stage.obtained(self._block(a[0])),
            "crash": lambda a: self._stage.restart(),
        }
        commands[name](rest)

    def _engine(self, words: list[str]) -> None:
        name = None if words[0] == "observer" else words[0]
        self._stage = Stage(name, names=words[2], answers=False)

    def _height(self, words: list[str]) -> None:
        if self._stage.committed:
            letter = self._letters[self._stage.committed[-1].digest]
            self._parent = self._blocks[letter].header
        self._stage.begin(self._parent, pending=words == ["pending"])

    def _built(self, words: list[str]) -> None:
        found = None if words[0] == "nothing" else self._block(words[0])
        self._stage.built(found, self._stage.round)

    def _block(self, word: str) -> BlockReference:
        letter, _, coinbase = word.partition("/")
        if letter not in self._blocks:
            made = block(coinbase or "A", letter, self._parent)
            self._blocks[letter] = made
            self._letters[made.digest] = letter
        return self._blocks[letter]

    def _message(self, peer: Peer, words: list[str]) -> Message:
        kind, round_, height = words[0], int(words[1]), self._stage.height
        if kind == "round-change":
            return peer.round_change(round_, self._held(words[2:]), height)
        found = self._block(words[2])
        if kind == "prepare":
            return peer.prepare(round_, found.digest, height)
        if kind == "commit":
            return peer.commit(round_, found.digest, height)
        return self._proposal(peer, round_, found, words[3:])

    def _proposal(
        self, peer: Peer, round_: int, found: BlockReference, words: list[str]
    ) -> ProposalMessage:
        if not words:
            return peer.proposal(round_, found)
        names, height = words[1], self._stage.height
        changes: list[Signed[RoundChange]] = []
        held, holders = None, ""
        if "prepared" in words:
            holders = words[3]
            held = self._held(["prepared", *words[4:]])
        for name in names:
            mine = held if name in holders else None
            changes.append(Peer(name).round_change(round_, mine, height).signed)
        prepares = held.prepares if held else ()
        return peer.proposal(round_, found, tuple(changes), prepares)

    def _held(self, words: list[str]) -> PreparedCertificate | None:
        """prepared x@0 of ABC"""
        if not words:
            return None
        letter, _, round_ = words[1].partition("@")
        digest = self._block(letter).digest
        return certificate(words[3], int(round_), digest, self._stage.height)

    # --- output ---

    def _output(self) -> list[str]:
        lines = [f"  {self._line(effect)}" for effect in self._stage.effects]
        status = self._stage.engine.status()
        if status is None:
            return lines
        place = f"{status.height}.{status.round} {status.phase}"
        return [*lines, f"  = {place}"]

    def _line(self, effect: Effect) -> str:
        match effect:
            case PersistSafetyRecord(record):
                held = record.prepared
                prepared = (
                    f", prepared {self._letter(held.digest)}@{held.round}"
                    if held
                    else ""
                )
                return f"log {record.code.name} {record.height}.{record.round}" + (
                    f" {self._letter(record.digest)}{prepared}"
                )
            case PersistBody(_, digest):
                return f"store the body of {self._letter(digest)}"
            case SignAndBroadcast(draft):
                return f"sign and send {self._payload(draft.payload)}"
            case Broadcast(message):
                return f"send again {self._payload(message.signed.payload)}"
            case SendTo(peer, message):
                payload = self._payload(message.signed.payload)
                return f"send to {name_of(peer)} {payload}"
            case SetTimer(kind, deadline_ms):
                return f"timer {kind} in {deadline_ms - self._stage.now_ms} ms"
            case CancelTimer(kind):
                return f"drop timer {kind}"
            case BuildBlock(height, round_, halvings):
                smaller = f", halved {halvings} times" if halvings else ""
                return f"build a block for {height}.{round_}{smaller}"
            case ValidateBlock(_, _, found, proposer, certified):
                why = ", which is certified" if certified else ""
                letter = self._letter(found.digest)
                return f"validate {letter}, from {name_of(proposer)}{why}"
            case ObtainBlock(_, digest):
                return f"obtain {self._letter(digest)}"
            case CommitBlock(certificate=found_certificate):
                seals = "".join(
                    name_of(Address(s[:20])) for s in found_certificate.seals
                )
                letter = self._letter(found_certificate.digest)
                return f"commit {letter}, round {found_certificate.round}, by {seals}"
            case RecordEvidence(evidence):
                first, second = evidence.first, evidence.second
                return (
                    f"evidence against {name_of(first.author)}: "
                    f"{self._payload(first.payload)} and "
                    f"{self._payload(second.payload)}"
                )
            case ReportPeer(peer, reason):
                return f"report {name_of(peer)}: {reason}"
            case ForbidSigning(height, reason):
                return f"sign nothing up to {height}: {reason}"
            case Halt(reason):
                return f"halt: {reason}"

    def _payload(self, payload: Payload) -> str:
        place = f"{payload.code.name} {payload.height}.{payload.round}"
        if not isinstance(payload, RoundChange):
            return f"{place} {self._letter(payload.digest)}"
        if payload.prepared_digest is None:
            return f"{place} unprepared"
        prepared = self._letter(payload.prepared_digest)
        return f"{place} prepared {prepared}@{payload.prepared_round}"

    def _letter(self, digest: Hash32 | None) -> str:
        return "nothing" if digest is None else self._letters[digest]
