"""What a validator has signed and must never contradict.

A `SafetyRecord` is durable before the signature it announces is made; the log of them
is an append-only file (`node.storage`), `SafetyState` what reading it back gives.
Only the newest height matters: a validator never signs for an older one again.

`SigningGuard` decides what may be signed. Within a height signatures only move forward:
by round, and within a round in the order ROUND_CHANGE, PROPOSAL, PREPARE, COMMIT, each
once and all of one block. The same payload may be signed again (signing is
deterministic: it is the same signature). The rule needs only the newest round, so that
endless rounds cost no memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from node.chain.signing import MessageCode
from node.consensus.messages import (
    Commit,
    CommitDraft,
    Draft,
    Payload,
    Prepare,
    PreparedCertificate,
    PrepareDraft,
    Proposal,
    RoundChange,
    RoundChangeDraft,
)
from node.primitives.types import Hash32

ORDER = (
    MessageCode.ROUND_CHANGE,
    MessageCode.PROPOSAL,
    MessageCode.PREPARE,
    MessageCode.COMMIT,
)


@dataclass(frozen=True, slots=True)
class SafetyRecord:
    """One signature about to be made.

    `digest` is the block hash; for a ROUND_CHANGE the prepared digest or None.
    `prepared` is the certificate held at that moment: a ROUND_CHANGE after a crash
    must still carry it.
    """

    height: int
    round: int
    code: MessageCode
    digest: Hash32 | None
    prepared: PreparedCertificate | None


@dataclass(frozen=True, slots=True)
class SafetyState:
    """What the log says: all records of its newest height, in order of writing.

    `sign_above` is the height up to and including which nothing may be signed (a
    restored or cloned log was noticed); `can_sign` is False when the log is missing or
    foreign: the node follows and never signs.
    """

    records: tuple[SafetyRecord, ...] = ()
    sign_above: int = 0
    can_sign: bool = True

    @property
    def height(self) -> int:
        """The newest height signed for; 0 before the first."""
        return self.records[-1].height if self.records else 0

    @property
    def prepared(self) -> PreparedCertificate | None:
        """The newest prepared certificate of that height."""
        for record in reversed(self.records):
            if record.prepared is not None and record.height == self.height:
                return record.prepared
        return None


class Permit(Enum):
    """May a payload be signed?"""

    NEW = "new"  # after its record is durable
    AGAIN = "again"  # it was signed before, and is in the log
    NEVER = "never"


class SigningGuard:
    """The safety log's content as far as it matters."""

    def __init__(self, safety: SafetyState) -> None:
        """Take up what the log says."""
        self._can_sign = safety.can_sign
        self._sign_above = safety.sign_above
        self.height = safety.height
        self.prepared = safety.prepared
        newest = [r for r in safety.records if r.height == self.height]
        self.round = max((record.round for record in newest), default=0)
        self._signed = {
            record.code: _payload_of(record)
            for record in newest
            if record.round == self.round
        }

    def refusal(self, height: int) -> str:
        """Why nothing may be signed at this height; empty when it may."""
        if not self._can_sign:
            return "the safety log is missing or foreign: run `chandlery recover`"
        if height <= self._sign_above:
            return (
                "peers hold signatures of this validator that its safety log lacks: "
                f"it signs again above height {self._sign_above}"
            )
        if height < self.height:
            return f"the safety log is at height {self.height} already"
        return ""

    def forbid(self, height: int) -> bool:
        """Sign nothing up to this height; whether that is news."""
        news = height > self._sign_above
        self._sign_above = max(self._sign_above, height)
        return news

    def permit(self, payload: Payload) -> Permit:
        """Whether signing it contradicts anything signed before."""
        if self.refusal(payload.height):
            return Permit.NEVER
        if payload.height > self.height or payload.round > self.round:
            return Permit.NEW
        if payload.round < self.round:
            return Permit.NEVER
        if payload.code in self._signed:
            same = self._signed[payload.code] == payload
            return Permit.AGAIN if same else Permit.NEVER
        newest = max((ORDER.index(code) for code in self._signed), default=-1)
        later = ORDER.index(payload.code) > newest
        return Permit.NEW if later and self._is_consistent(payload) else Permit.NEVER

    def note(
        self, payload: Payload, prepared: PreparedCertificate | None
    ) -> SafetyRecord:
        """Remember a NEW payload; the record to make durable before it is signed."""
        if payload.height > self.height:
            self.prepared = None
        if (payload.height, payload.round) > (self.height, self.round):
            self._signed = {}
        self.height, self.round = payload.height, payload.round
        self._signed[payload.code] = payload
        if prepared is not None:
            self.prepared = prepared
        digest = (
            payload.prepared_digest
            if isinstance(payload, RoundChange)
            else payload.digest
        )
        return SafetyRecord(
            payload.height, payload.round, payload.code, digest, prepared
        )

    def has_signed_at(self, height: int) -> bool:
        """Whether the log holds anything of this height."""
        return self.height == height and bool(self._signed)

    def may_propose(self, height: int, round_: int) -> bool:
        """Whether a PROPOSAL of a block yet unknown could be signed."""
        if self.refusal(height) or height < self.height:
            return False
        if height > self.height or round_ > self.round:
            return True
        blocking = [c for c in self._signed if c is not MessageCode.ROUND_CHANGE]
        return round_ == self.round and not blocking

    def lacks(self, payload: Payload) -> bool:
        """Whether a signature of ours is newer than, or other than, what we know of."""
        if not self._can_sign:
            return False
        mine, theirs = (self.height, self.round), (payload.height, payload.round)
        if mine != theirs:
            return theirs > mine
        return self._signed.get(payload.code) != payload

    def drafts(self) -> Iterator[Draft]:
        """What was signed in the newest round, to be signed and sent again.

        A PROPOSAL is left out: its block was not made durable. So is a ROUND_CHANGE
        whose PREPAREs a newer certificate has replaced.
        """
        for code in ORDER:
            payload = self._signed.get(code)
            if isinstance(payload, RoundChange):
                if payload.prepared_round is None:
                    yield RoundChangeDraft(payload)
                elif self.prepared and self.prepared.round == payload.prepared_round:
                    yield RoundChangeDraft(payload, self.prepared.prepares)
            elif isinstance(payload, Prepare):
                yield PrepareDraft(payload)
            elif isinstance(payload, Commit):
                yield CommitDraft(payload)

    def _is_consistent(self, payload: Payload) -> bool:
        """One block a round: what is proposed, prepared and committed is the same."""
        if isinstance(payload, RoundChange):
            return True
        others = [p for p in self._signed.values() if not isinstance(p, RoundChange)]
        return all(other.digest == payload.digest for other in others)


def _payload_of(record: SafetyRecord) -> Payload:
    """The payload that a record announced."""
    place = (record.height, record.round)
    if record.code is MessageCode.ROUND_CHANGE:
        held = record.prepared
        if held is None:
            return RoundChange(*place)
        return RoundChange(*place, held.round, held.digest)
    if record.digest is None:
        raise ValueError(f"a safety record of {record.code.name} without a digest")
    if record.code is MessageCode.PROPOSAL:
        return Proposal(*place, record.digest)
    if record.code is MessageCode.PREPARE:
        return Prepare(*place, record.digest)
    return Commit(*place, record.digest)
