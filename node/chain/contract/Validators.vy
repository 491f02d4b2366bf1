# pragma version 0.4.3
# pragma evm-version prague
"""
@title Validators
@license Apache-2.0
@notice Who signs blocks, and how that changes: a validator proposes a candidate, a quorum
        of the validators votes for it, and the candidate accepts. A quorum removes a
        member. At most one change a block, never below the minimum size.
@dev The node reads `validators` straight from storage after every block: slot 0 holds the
     length, the slots from 1 on the members in ascending order. Never move them.
     The contract has no constructor: genesis places its code and storage.
     A vote counts while its voter is a member and has been one since casting it.
"""

MAX_VALIDATORS: constant(uint256) = 64

event Proposed:
    candidate: indexed(address)
    proposer: indexed(address)

event VotedFor:
    candidate: indexed(address)
    voter: indexed(address)

event VotedAgainst:
    member: indexed(address)
    voter: indexed(address)

event Retracted:
    subject: indexed(address)
    voter: indexed(address)

event Dropped:
    candidate: indexed(address)

event Added:
    validator: indexed(address)

event Removed:
    validator: indexed(address)

# Slots 0 to 64. The members, ascending.
validators: DynArray[address, MAX_VALIDATORS]

# Slot 65. The set never gets smaller than this.
minimum_size: public(uint256)

# Slot 66. The block of the last change; there is at most one in a block.
last_change: public(uint256)

# Who waits for votes or for accepting, in the order of proposal.
candidates: DynArray[address, MAX_VALIDATORS]

# The candidate that each validator has proposed; one at a time.
proposed_by: public(HashMap[address, address])

# How often an account has become a member: votes of an earlier term are void.
term: public(HashMap[address, uint256])

# The number of the ballot on an account; a concluded one voids its votes.
ballot: public(HashMap[address, uint256])

# subject -> ballot -> voter -> the voter's term when voting, plus one.
votes: HashMap[address, HashMap[uint256, HashMap[address, uint256]]]


@external
def propose(candidate: address):
    """
    @notice Propose an account as a validator; counts as a vote for it.
    @dev A proposer whose last candidate still waits must see it concluded or drop it.
    @param candidate Who shall become a validator; a member of its own free will later.
    """
    assert self._is_validator(msg.sender), "only a validator proposes"
    assert candidate != empty(address), "the zero address is nobody"
    assert not self._is_validator(candidate), "already a validator"
    assert not self._is_candidate(candidate), "already proposed: vote for it"
    earlier: address = self.proposed_by[msg.sender]
    assert not self._is_candidate(earlier), "your last candidate still waits"
    assert len(self.candidates) < MAX_VALIDATORS, "too many candidates"
    self.candidates.append(candidate)
    self.proposed_by[msg.sender] = candidate
    log Proposed(candidate=candidate, proposer=msg.sender)
    self._vote(candidate)
    log VotedFor(candidate=candidate, voter=msg.sender)


@external
def vote_for(candidate: address):
    """
    @notice Vote for a candidate.
    @param candidate Somebody who has been proposed.
    """
    assert self._is_validator(msg.sender), "only a validator votes"
    assert self._is_candidate(candidate), "not proposed"
    self._vote(candidate)
    log VotedFor(candidate=candidate, voter=msg.sender)


@external
def accept():
    """
    @notice Become a validator; called by a candidate that a quorum has voted for.
    """
    assert self._is_candidate(msg.sender), "not proposed"
    assert self._count(msg.sender) >= self._quorum(), "no quorum yet"
    self._begin_change()
    self._drop_candidate(msg.sender)
    self.term[msg.sender] += 1
    self._insert(msg.sender)
    log Added(validator=msg.sender)


@external
def vote_against(member: address):
    """
    @notice Vote for removing a validator; the vote that makes the quorum removes it.
    @dev When another change came first in this block, send the vote again.
    @param member The validator to remove.
    """
    assert self._is_validator(msg.sender), "only a validator votes"
    assert self._is_validator(member), "not a validator"
    self._vote(member)
    log VotedAgainst(member=member, voter=msg.sender)
    if self._count(member) >= self._quorum():
        assert len(self.validators) > self.minimum_size, "the set would be too small"
        self._begin_change()
        self.ballot[member] += 1
        self._remove(member)
        log Removed(validator=member)


@external
def retract(subject: address):
    """
    @notice Take back one's vote on a candidate or on a member.
    @param subject Whom the vote is about.
    """
    assert self.votes[subject][self.ballot[subject]][msg.sender] != 0, "no vote"
    self.votes[subject][self.ballot[subject]][msg.sender] = 0
    log Retracted(subject=subject, voter=msg.sender)


@external
def drop(candidate: address):
    """
    @notice Forget a candidate that nobody's vote supports any more, or oneself.
    @param candidate Who shall no longer wait.
    """
    assert self._is_candidate(candidate), "not proposed"
    assert candidate == msg.sender or self._count(candidate) == 0, "still has votes"
    self._drop_candidate(candidate)
    log Dropped(candidate=candidate)


@external
@view
def get_validators() -> DynArray[address, MAX_VALIDATORS]:
    """
    @notice The members, ascending.
    """
    return self.validators


@external
@view
def get_candidates() -> DynArray[address, MAX_VALIDATORS]:
    """
    @notice The candidates, in the order of proposal.
    """
    return self.candidates


@external
@view
def is_validator(account: address) -> bool:
    """
    @notice Whether an account is a member.
    """
    return self._is_validator(account)


@external
@view
def votes_on(subject: address) -> uint256:
    """
    @notice The votes that count: for a candidate, or against a member.
    """
    return self._count(subject)


@external
@view
def quorum() -> uint256:
    """
    @notice The votes that decide: two thirds of the members, rounded up.
    """
    return self._quorum()


@internal
def _vote(subject: address):
    mine: uint256 = self.term[msg.sender] + 1
    number: uint256 = self.ballot[subject]
    assert self.votes[subject][number][msg.sender] != mine, "already voted"
    self.votes[subject][number][msg.sender] = mine


@internal
@view
def _count(subject: address) -> uint256:
    number: uint256 = self.ballot[subject]
    counted: uint256 = 0
    for member: address in self.validators:
        if self.votes[subject][number][member] == self.term[member] + 1:
            counted += 1
    return counted


@internal
@view
def _quorum() -> uint256:
    return (2 * len(self.validators) + 2) // 3


@internal
@view
def _is_validator(account: address) -> bool:
    return account in self.validators


@internal
@view
def _is_candidate(account: address) -> bool:
    return account in self.candidates


@internal
def _begin_change():
    assert self.last_change != block.number, "one change a block: send it again"
    self.last_change = block.number


@internal
def _drop_candidate(candidate: address):
    self.ballot[candidate] += 1
    kept: DynArray[address, MAX_VALIDATORS] = []
    for other: address in self.candidates:
        if other != candidate:
            kept.append(other)
    self.candidates = kept


@internal
def _insert(validator: address):
    assert len(self.validators) < MAX_VALIDATORS, "the set is full"
    number: uint256 = convert(validator, uint256)
    updated: DynArray[address, MAX_VALIDATORS] = []
    placed: bool = False
    for member: address in self.validators:
        if not placed and convert(member, uint256) > number:
            updated.append(validator)
            placed = True
        updated.append(member)
    if not placed:
        updated.append(validator)
    self.validators = updated


@internal
def _remove(validator: address):
    updated: DynArray[address, MAX_VALIDATORS] = []
    for member: address in self.validators:
        if member != validator:
            updated.append(member)
    self.validators = updated
