"""Who may be a peer."""

from node.primitives.types import Address
from node.transport.admission import Admission
from node.transport.limits import BAN_MS, MAX_SCORE

A, B, C, D = (Address(bytes([n]) * 20) for n in range(1, 5))


def test_members_and_observers_may_connect_and_nobody_else() -> None:
    admission = Admission([D])
    assert not admission.may_connect(A)
    admission.set_members([A, B])
    assert admission.may_connect(A)
    assert admission.may_connect(D)
    assert not admission.may_connect(C)


def test_a_removed_member_is_neither_dialled_nor_let_in_until_it_returns() -> None:
    admission = Admission([])
    admission.set_members([A, B])
    admission.set_members([A])
    assert not admission.may_connect(B)
    assert not admission.may_dial(B)
    assert admission.may_dial(C)  # never a member: perhaps in a state to come
    admission.set_members([A, B])
    assert admission.may_dial(B)


def test_misbehaviour_adds_up_to_a_timed_ban() -> None:
    admission = Admission([])
    assert not admission.penalize(A, MAX_SCORE - 1, 0)
    assert admission.ban_left_ms(A, 0) == 0
    assert admission.penalize(A, 1, 0)
    assert admission.ban_left_ms(A, 0) == BAN_MS
    assert admission.ban_left_ms(B, 0) == 0
    assert admission.ban_left_ms(A, BAN_MS - 1) == 1
    assert admission.ban_left_ms(A, BAN_MS) == 0
    assert not admission.penalize(A, 1, BAN_MS)


def test_time_forgives() -> None:
    admission = Admission([])
    for at_ms in range(0, 1_000_000, 10_000):
        assert not admission.penalize(A, 10, at_ms)
    assert admission.penalize(A, MAX_SCORE, 2_000_000)
