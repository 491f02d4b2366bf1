"""How long the engine waits: for a height to start, for a round, to send again.

Round timers double from round to round up to a cap. The shift is bounded before it is
made: a doubled timer that overflows would expire at once, and a storm of ROUND_CHANGEs
follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from node.chain.genesis import ConsensusConfig
from node.chain.validators import ValidatorSet
from node.primitives.types import Address

MAX_MISSED_TURNS = 3
"""The wait for a proposer that missed its last turns is halved at most so often."""
MAX_HALVINGS = 4
"""How small blocks of later rounds become: a sixteenth."""
ALIVE_TIMEOUTS = 2
"""A validator heard within so many round timeouts counts as present."""
RESENDS_PER_TIMEOUT = 2
MAX_ROUNDS_A_STEP = 1_000
"""How far one timeout may move up to validators ahead: a liar's claim of a round near
the end of its range must not carry others there."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the engine is told at start; the timers are those of the genesis file."""

    own: Address | None
    """This node's validator; None for an observer."""
    gathering_ms: int = 40
    min_block_interval_ms: int = 100
    empty_block_period_ms: int = 5_000
    round_timeout_ms: int = 2_000
    round_timeout_cap_factor: int = 8

    @classmethod
    def of(cls, own: Address | None, consensus: ConsensusConfig) -> "EngineConfig":
        """The engine's part of the genesis configuration."""
        return cls(
            own=own,
            gathering_ms=consensus.gathering_ms,
            min_block_interval_ms=consensus.min_block_interval_ms,
            empty_block_period_ms=consensus.empty_block_period_ms,
            round_timeout_ms=consensus.round_timeout_ms,
            round_timeout_cap_factor=consensus.round_timeout_cap_factor,
        )

    def timeout_ms(self, doublings: int) -> int:
        """The base timeout, doubled so often, never above the cap."""
        factor = self.round_timeout_cap_factor
        if doublings >= factor.bit_length():
            return self.round_timeout_ms * factor
        return self.round_timeout_ms * min(1 << doublings, factor)

    def proposal_timeout_ms(self, missed_turns: int) -> int:
        """How long round 0 waits for the PROPOSAL; from there on the timer is full."""
        floor_ms = self.gathering_ms + self.min_block_interval_ms
        short_ms = self.round_timeout_ms >> min(missed_turns, MAX_MISSED_TURNS)
        return min(self.round_timeout_ms, max(short_ms, floor_ms))

    @property
    def resend_ms(self) -> int:
        """From one sending of a waiting round's messages to the next."""
        return max(1, self.round_timeout_ms // RESENDS_PER_TIMEOUT)

    @property
    def alive_ms(self) -> int:
        """For how long a validator that was heard counts as present."""
        return self.round_timeout_ms * ALIVE_TIMEOUTS


def missed_turns(
    recent_coinbases: Sequence[Address], validators: ValidatorSet, proposer: Address
) -> int:
    """How many of its newest turns in a row this proposer let pass.

    A turn is a height whose round 0 was its own; passed, when another's block became
    final there. Counted up to MAX_MISSED_TURNS; the coinbases are oldest first.
    """
    missed = 0
    for position in range(len(recent_coinbases) - 1, 0, -1):
        if missed == MAX_MISSED_TURNS:
            break
        if validators.proposer(recent_coinbases[position - 1], 0) != proposer:
            continue
        if recent_coinbases[position] == proposer:
            break
        missed += 1
    return missed


def block_halvings(round_: int, missed: int) -> int:
    """How often to halve the limits of a fresh block.

    Round 0 of a proposer whose turn is expected to be short, and rounds after the
    first change: what did not get through must become smaller.
    """
    return min(missed if round_ == 0 else round_ - 1, MAX_HALVINGS)
