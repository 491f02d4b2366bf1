"""What honest hosts sign: nothing that contradicts, nothing too early, nothing blind.

Judged by the history of messages alone, across all crashes of a host. The justification
of a PROPOSAL is judged by rules written down a second time, apart from the code under
test.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from node.chain.header import Header
from node.consensus.messages import (
    Commit,
    Prepare,
    ProposalMessage,
    RoundChange,
)
from node.primitives.types import Address, Hash32
from node.simulation.history import History, Recovered, Signed
from node.simulation.plan import quorum_of

HIGHEST_ROUND = 100_000
"""No honest host gets there in a simulation by its own timers."""

Sets = Mapping[int, tuple[Address, ...]]


def not_forgiven(
    signed: Sequence[Signed], recovered: Sequence[Recovered]
) -> list[Signed]:
    """Without what an operator's `recover` answers for: older signatures of that host
    above the height that was named."""
    return [
        fact
        for fact in signed
        if not any(
            fact.host == by.host
            and fact.at_ms <= by.at_ms
            and fact.message.signed.payload.height > by.above
            for by in recovered
        )
    ]


def contradictions(signed: Sequence[Signed]) -> Iterator[str]:
    """One payload for one (validator, height, round, kind), for ever."""
    first: dict[tuple[str, int, int, str], object] = {}
    for fact in signed:
        payload = fact.message.signed.payload
        key = (fact.host, payload.height, payload.round, payload.code.name)
        if first.setdefault(key, payload) != payload:
            yield f"contradiction: {key[0]} signed two {key[3]} at {key[1]}/{key[2]}"


def locks(signed: Sequence[Signed]) -> Iterator[str]:
    """After a COMMIT, each ROUND_CHANGE of the height carries that round or a later."""
    committed: dict[tuple[str, int], int] = {}
    for fact in signed:
        payload = fact.message.signed.payload
        key = (fact.host, payload.height)
        if isinstance(payload, Commit):
            committed[key] = max(payload.round, committed.get(key, -1))
        elif isinstance(payload, RoundChange) and key in committed:
            prepared = payload.prepared_round
            carried = -1 if prepared is None else prepared
            if payload.round > committed[key] > carried:
                place = f"{payload.height}/{payload.round}"
                yield f"lock: {fact.host} forgot its COMMIT in the ROUND_CHANGE {place}"


def durability(signed: Sequence[Signed]) -> Iterator[str]:
    """The safety record, and the body before a COMMIT, are durable before sending."""
    for fact in signed:
        payload = fact.message.signed.payload
        place = f"{payload.code.name} {payload.height}/{payload.round} of {fact.host}"
        if not fact.is_logged:
            yield f"durability: {place} left before its safety record was on disk"
        if not fact.has_body:
            yield f"durability: {place} left before its block's body was on disk"


def rounds(signed: Sequence[Signed]) -> Iterator[str]:
    """Nobody is carried far away by a liar."""
    for fact in signed:
        payload = fact.message.signed.payload
        if payload.round > HIGHEST_ROUND:
            yield f"rounds: {fact.host} was carried to round {payload.round}"
            return


@dataclass(frozen=True, slots=True)
class Chain:
    """The agreed chain, as far as justifications are judged by it."""

    sets: Sets
    headers: Mapping[int, Header]
    """By height, genesis included."""

    def is_justified(self, message: ProposalMessage) -> bool:
        """Whether the block may be proposed in this round; so if nobody can tell."""
        height = message.signed.payload.height
        if height not in self.sets or height - 1 not in self.headers:
            return True
        members = self.sets[height]
        return is_justified(message, members, self.headers[height - 1])


def proposals(signed: Sequence[Signed], chain: Chain) -> Iterator[str]:
    """An honest host's own PROPOSAL is justified; liars are not the only ones."""
    for fact in signed:
        message = fact.message
        if not isinstance(message, ProposalMessage):
            continue
        payload = message.signed.payload
        if not chain.is_justified(message):
            place = f"{payload.height}/{payload.round}"
            yield f"justification: {fact.host} sent an unjustified PROPOSAL {place}"


def prepares(history: History, signed: Sequence[Signed], chain: Chain) -> Iterator[str]:
    """Every PREPARE rests on a justified PROPOSAL that had reached its host."""
    for fact in signed:
        payload = fact.message.signed.payload
        if not isinstance(payload, Prepare) or payload.height not in chain.sets:
            continue
        key = (fact.host, payload.height, payload.round, payload.digest)
        found = history.proposals.get(key, [])
        if not any(chain.is_justified(proposal) for proposal in found):
            why = "an unjustified PROPOSAL" if found else "no PROPOSAL of that round"
            place = f"{payload.height}/{payload.round}"
            yield f"justification: {fact.host} sent PREPARE {place} on {why}"


def proposer_of(members: tuple[Address, ...], parent: Header, round_: int) -> Address:
    """The next above the parent's coinbase, and so many further, in a ring."""
    above = [member for member in members if member > parent.coinbase]
    ring = [*above, *(member for member in members if member <= parent.coinbase)]
    return ring[round_ % len(ring)]


def is_justified(
    message: ProposalMessage, members: tuple[Address, ...], parent: Header
) -> bool:
    """`isProposalJustification` of the specification, in its own words."""
    proposal, quorum = message.signed.payload, quorum_of(len(members))
    proposer = proposer_of(members, parent, proposal.round)
    is_fresh = message.block.header.coinbase == proposer and not message.prepares
    if message.signed.author != proposer:
        return False
    if proposal.round == 0:
        return is_fresh and not message.round_changes
    authors = [s.author for s in message.round_changes if s.author in members]
    if len(dict.fromkeys(authors)) < quorum:
        return False
    locked: list[tuple[int, Hash32]] = []
    for signed in message.round_changes:
        claim = signed.payload
        if (claim.height, claim.round) != (proposal.height, proposal.round):
            return False
        if claim.prepared_round is not None and claim.prepared_digest is not None:
            locked.append((claim.prepared_round, claim.prepared_digest))
    if not locked:
        return is_fresh
    highest = max(round_ for round_, _ in locked)
    if (highest, proposal.digest) not in locked or highest >= proposal.round:
        return False
    expected = Prepare(proposal.height, highest, proposal.digest)
    voters = [
        s.author
        for s in message.prepares
        if s.payload == expected and s.author in members
    ]
    return len(dict.fromkeys(voters)) >= quorum
