"""Which ROUND_CHANGEs and PROPOSALs are justified: pure predicates over signed parts.

A PROPOSAL of round 0 needs no justification. One of a later round shows a quorum of
ROUND_CHANGEs for exactly its round. If none of them prepared anything, any fresh block
will do, its coinbase the proposer of this round. Else the block must be the one of the
highest prepared round, proven by a quorum of PREPAREs: it may be final somewhere.
Source: EEA QBFT, `isProposalJustification`, `validRoundChange`, `isHighestPrepared`.
"""

from collections.abc import Sequence

from node.chain.header import Header
from node.chain.validators import ValidatorSet
from node.consensus.messages import (
    AnySigned,
    Prepare,
    ProposalMessage,
    RoundChange,
    RoundChangeMessage,
    Signed,
)


def is_quorum(signed: Sequence[AnySigned], validators: ValidatorSet) -> bool:
    """Distinct validators signed, and a quorum of them."""
    authors = dict.fromkeys(s.author for s in signed)
    if len(authors) != len(signed) or len(authors) < validators.quorum:
        return False
    return all(author in validators for author in authors)


def is_prepared(
    prepares: Sequence[Signed[Prepare]], expected: Prepare, validators: ValidatorSet
) -> bool:
    """A quorum of PREPAREs for exactly this height, round and digest."""
    same = all(signed.payload == expected for signed in prepares)
    return same and is_quorum(prepares, validators)


def prepare_of(claim: RoundChange) -> Prepare | None:
    """The PREPARE that a quorum sent, as the ROUND_CHANGE claims; None: unprepared."""
    if claim.prepared_round is None or claim.prepared_digest is None:
        return None
    return Prepare(claim.height, claim.prepared_round, claim.prepared_digest)


def is_justified_round_change(
    message: RoundChangeMessage, validators: ValidatorSet
) -> bool:
    """What it says was prepared was prepared, in a round before; or it says nothing."""
    claim = message.signed.payload
    if claim.round == 0:
        return False
    expected = prepare_of(claim)
    if expected is None:
        return claim.prepared_digest is None and not message.prepares
    if expected.round >= claim.round:
        return False
    return is_prepared(message.prepares, expected, validators)


def highest_prepared(
    round_changes: Sequence[Signed[RoundChange]],
) -> Signed[RoundChange] | None:
    """The one with the highest prepared round; None when all are unprepared."""
    highest: Signed[RoundChange] | None = None
    highest_round = -1
    for signed in round_changes:
        prepared_round = signed.payload.prepared_round
        if prepared_round is not None and prepared_round > highest_round:
            highest, highest_round = signed, prepared_round
    return highest


def is_bound_to(message: ProposalMessage, parent: Header) -> bool:
    """The block is the one signed for and follows the parent."""
    payload, header = message.signed.payload, message.block.header
    follows = header.parent_hash == parent.digest and header.number == payload.height
    return follows and header.digest == payload.digest


def is_justified_proposal(
    message: ProposalMessage, validators: ValidatorSet, parent: Header
) -> bool:
    """`isProposalJustification`: the block may be proposed in this round.

    That the author is the round's proposer is for the caller to check.
    """
    proposal = message.signed.payload
    proposer = validators.proposer(parent.coinbase, proposal.round)
    fresh = message.block.header.coinbase == proposer and not message.prepares
    if proposal.round == 0:
        return fresh and not message.round_changes
    if not _is_quorum_for_round(message, validators):
        return False
    highest = highest_prepared(message.round_changes)
    if highest is None:
        return fresh
    # Two may claim the same highest round with different digests, one of them a lie:
    # the PREPAREs tell which.
    expected = Prepare(
        proposal.height, highest.payload.prepared_round or 0, proposal.digest
    )
    claimed = any(
        prepare_of(signed.payload) == expected for signed in message.round_changes
    )
    return claimed and is_prepared(message.prepares, expected, validators)


def _is_quorum_for_round(message: ProposalMessage, validators: ValidatorSet) -> bool:
    """A quorum of ROUND_CHANGEs for the proposal's height and round, all prepared
    before it."""
    proposal = message.signed.payload
    for signed in message.round_changes:
        claim = signed.payload
        if (claim.height, claim.round) != (proposal.height, proposal.round):
            return False
        if claim.prepared_round is not None and claim.prepared_round >= claim.round:
            return False
    return is_quorum(message.round_changes, validators)
