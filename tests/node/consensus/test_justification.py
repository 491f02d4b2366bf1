"""The predicates of the specification, case by case. A proposes in round 0, B in 1."""

from collections.abc import Callable

import pytest

from node.consensus.justification import (
    highest_prepared,
    is_bound_to,
    is_justified_proposal,
    is_justified_round_change,
    is_quorum,
)
from node.consensus.messages import ProposalMessage, RoundChangeMessage
from tests.node.consensus.stage import peers
from tests.node.consensus.world import (
    GENESIS,
    block,
    certificate,
    round_changes,
    validators,
)

A, B, C, D = peers("ABCD")
SET = validators("ABCD")
OLD, FRESH = block("A", "old"), block("B", "fresh")
HELD = certificate("ABC", 0, OLD.digest)


def is_justified(message: ProposalMessage) -> bool:
    return is_justified_proposal(message, SET, GENESIS)


def test_a_quorum_is_of_distinct_validators() -> None:
    assert is_quorum(round_changes("ABC", 1), SET)
    assert is_quorum(round_changes("ABCD", 1), SET)
    assert not is_quorum(round_changes("AB", 1), SET)
    assert not is_quorum(round_changes("ABB", 1), SET)
    assert not is_quorum(round_changes("ABCC", 1), SET)
    assert not is_quorum(round_changes("ABE", 1), SET)


def test_the_highest_prepared_round_wins() -> None:
    newer = certificate("ABC", 2, FRESH.digest)
    changes = (
        *round_changes("A", 3),
        *round_changes("B", 3, newer),
        *round_changes("C", 3, HELD),
    )
    assert highest_prepared(changes) == B.round_change(3, newer).signed
    assert highest_prepared(round_changes("ABC", 3)) is None


JUSTIFIED: dict[str, Callable[[], ProposalMessage]] = {
    "round 0, fresh": lambda: A.proposal(0, OLD),
    "all unprepared, fresh": lambda: B.proposal(1, FRESH, round_changes("ABC", 1)),
    "more than a quorum": lambda: B.proposal(1, FRESH, round_changes("ABCD", 1)),
    "one prepared, its block": lambda: B.proposal(
        1, OLD, (*round_changes("A", 1, HELD), *round_changes("BC", 1)), HELD.prepares
    ),
    "a lie beside the truth": lambda: B.proposal(
        1,
        OLD,
        (
            *round_changes("D", 1, certificate("ABC", 0, FRESH.digest)),
            *round_changes("AB", 1, HELD),
        ),
        HELD.prepares,
    ),
}

UNJUSTIFIED: dict[str, Callable[[], ProposalMessage]] = {
    "no quorum": lambda: B.proposal(1, FRESH, round_changes("AB", 1)),
    "one twice": lambda: B.proposal(1, FRESH, round_changes("ABB", 1)),
    "a stranger": lambda: B.proposal(1, FRESH, round_changes("ABE", 1)),
    "another round's changes": lambda: B.proposal(1, FRESH, round_changes("ABC", 2)),
    "changes of mixed rounds": lambda: B.proposal(
        1, FRESH, (*round_changes("AB", 1), *round_changes("C", 2))
    ),
    "another height's changes": lambda: B.proposal(
        1, FRESH, tuple(p.round_change(1, height=2).signed for p in (A, B, C))
    ),
    "a fresh block though one was prepared": lambda: B.proposal(
        1, FRESH, (*round_changes("A", 1, HELD), *round_changes("BC", 1)), HELD.prepares
    ),
    "a fresh block without prepares though one was prepared": lambda: B.proposal(
        1, FRESH, (*round_changes("A", 1, HELD), *round_changes("BC", 1))
    ),
    "the prepared block without its prepares": lambda: B.proposal(
        1, OLD, (*round_changes("A", 1, HELD), *round_changes("BC", 1))
    ),
    "too few prepares": lambda: B.proposal(
        1,
        OLD,
        (*round_changes("A", 1, HELD), *round_changes("BC", 1)),
        HELD.prepares[:2],
    ),
    "prepares of another block": lambda: B.proposal(
        1,
        OLD,
        (*round_changes("A", 1, HELD), *round_changes("BC", 1)),
        certificate("ABC", 0, FRESH.digest).prepares,
    ),
    "not the highest prepared round": lambda: B.proposal(
        5,
        OLD,
        (
            *round_changes("A", 5, HELD),
            *round_changes("B", 5, certificate("ABC", 2, FRESH.digest)),
            *round_changes("C", 5),
        ),
        HELD.prepares,
    ),
    "prepared in the round itself": lambda: B.proposal(
        1,
        OLD,
        round_changes("ABC", 1, certificate("ABC", 1, OLD.digest)),
        certificate("ABC", 1, OLD.digest).prepares,
    ),
    "prepares where nothing was prepared": lambda: B.proposal(
        1, FRESH, round_changes("ABC", 1), HELD.prepares
    ),
    "fresh, with another's coinbase": lambda: B.proposal(
        1, OLD, round_changes("ABC", 1)
    ),
    "round 0 with another's coinbase": lambda: A.proposal(0, FRESH),
    "round 0 with a justification": lambda: A.proposal(0, OLD, round_changes("ABC", 0)),
    "round 0 with prepares": lambda: A.proposal(0, OLD, (), HELD.prepares),
}


@pytest.mark.parametrize("case", JUSTIFIED)
def test_a_justified_proposal_is_accepted(case: str) -> None:
    assert is_justified(JUSTIFIED[case]())


@pytest.mark.parametrize("case", UNJUSTIFIED)
def test_an_unjustified_proposal_is_refused(case: str) -> None:
    assert not is_justified(UNJUSTIFIED[case]())


def test_a_round_change_is_justified_by_a_quorum_of_prepares() -> None:
    assert is_justified_round_change(B.round_change(1), SET)
    assert is_justified_round_change(B.round_change(1, HELD), SET)
    assert not is_justified_round_change(
        RoundChangeMessage(B.round_change(1).signed, HELD.prepares), SET
    )
    assert not is_justified_round_change(
        RoundChangeMessage(B.round_change(1, HELD).signed), SET
    )


def test_a_proposal_is_bound_to_its_block_and_the_head() -> None:
    good = A.proposal(0, OLD)
    assert is_bound_to(good, GENESIS)
    assert not is_bound_to(ProposalMessage(good.signed, FRESH), GENESIS)
    assert not is_bound_to(good, OLD.header)
