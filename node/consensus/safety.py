"""What a validator has signed and must never contradict.

A `SafetyRecord` is durable before the signature it announces is made; the log of them
is an append-only file (`node.storage`), `SafetyState` what reading it back gives.
Only the newest height matters: a validator never signs for an older one again.
"""

from dataclasses import dataclass

from node.chain.signing import MessageCode
from node.consensus.messages import PreparedCertificate
from node.primitives.types import Hash32


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
            if record.prepared is not None:
                return record.prepared
        return None
