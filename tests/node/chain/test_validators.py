"""Quorums and proposers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.chain.validators import ValidatorSet, faulty_max, quorum
from node.primitives.keccak import keccak256
from node.primitives.types import ZERO_ADDRESS, Address


def address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


A, B, C, D = (address(n) for n in (10, 20, 30, 40))
SET = ValidatorSet.of([C, A, D, B])


def test_the_arithmetic_of_small_sets() -> None:
    sizes = range(1, 11)
    assert [faulty_max(n) for n in sizes] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert [quorum(n) for n in sizes] == [1, 2, 2, 3, 4, 4, 5, 6, 6, 7]


@given(st.integers(1, 1_000))
def test_two_quorums_share_an_honest_validator_and_honest_ones_are_a_quorum(
    n: int,
) -> None:
    f = faulty_max(n)
    assert 2 * quorum(n) - n > f
    assert n - f >= quorum(n)


def test_members_are_sorted_and_distinct() -> None:
    assert SET.addresses == (A, B, C, D)
    assert (len(SET), SET.quorum, SET.faulty_max) == (4, 3, 1)
    assert B in SET
    assert address(5) not in SET
    with pytest.raises(ValueError, match="distinct"):
        ValidatorSet.of([A, A])
    with pytest.raises(ValueError, match="distinct"):
        ValidatorSet((B, A))
    with pytest.raises(ValueError, match="at least one"):
        ValidatorSet(())


def test_the_proposer_follows_the_coinbase_and_then_the_round() -> None:
    assert [SET.proposer(A, r) for r in range(5)] == [B, C, D, A, B]
    assert SET.proposer(D, 0) == A
    assert SET.proposer(ZERO_ADDRESS, 0) == A
    assert SET.proposer(A, 2**64) == B


def test_the_next_higher_address_follows_a_coinbase_that_left() -> None:
    assert SET.proposer(address(25), 0) == C
    assert SET.proposer(address(25), 1) == D
    assert SET.proposer(address(99), 0) == A


def test_the_digest_is_of_the_joined_addresses() -> None:
    assert SET.digest == keccak256(A + B + C + D)
