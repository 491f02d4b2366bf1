"""What the safety log lets a validator sign: the guard on its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.consensus.messages import (
    Commit,
    Payload,
    Prepare,
    PreparedCertificate,
    Proposal,
    RoundChange,
)
from node.consensus.safety import Permit, SafetyRecord, SafetyState, SigningGuard
from tests.node.consensus.world import block, certificate

X, Y = block("A", "x").digest, block("A", "y").digest
HELD = certificate("ABC", 0, X)


def guard(*payloads: Payload, held: PreparedCertificate | None = None) -> SigningGuard:
    """One that signed these."""
    made = SigningGuard(SafetyState())
    for payload in payloads:
        assert made.permit(payload) is Permit.NEW
        made.note(payload, held)
    return made


@pytest.mark.parametrize(
    ("signed", "asked", "expected"),
    [
        ([], Prepare(1, 0, X), Permit.NEW),
        ([Prepare(1, 0, X)], Prepare(1, 0, X), Permit.AGAIN),
        ([Prepare(1, 0, X)], Prepare(1, 0, Y), Permit.NEVER),
        ([Prepare(1, 0, X)], Commit(1, 0, X), Permit.NEW),
        ([Prepare(1, 0, X)], Commit(1, 0, Y), Permit.NEVER),
        ([Prepare(1, 0, X)], Proposal(1, 0, X), Permit.NEVER),
        ([Proposal(1, 0, X)], Proposal(1, 0, Y), Permit.NEVER),
        ([Proposal(1, 0, X)], Prepare(1, 0, X), Permit.NEW),
        ([Proposal(1, 0, X)], Prepare(1, 0, Y), Permit.NEVER),
        ([Commit(1, 0, X)], Prepare(1, 0, X), Permit.NEVER),
        ([RoundChange(1, 2)], Prepare(1, 1, X), Permit.NEVER),
        ([RoundChange(1, 2)], Commit(1, 0, X), Permit.NEVER),
        ([RoundChange(1, 2)], RoundChange(1, 2, 0, X), Permit.NEVER),
        ([RoundChange(1, 2)], RoundChange(1, 3), Permit.NEW),
        ([RoundChange(1, 2)], Prepare(1, 2, X), Permit.NEW),
        ([Prepare(1, 2, X)], RoundChange(1, 2), Permit.NEVER),
        ([Prepare(2, 0, X)], Prepare(1, 5, X), Permit.NEVER),
        ([Prepare(1, 5, X)], Prepare(2, 0, Y), Permit.NEW),
    ],
)
def test_signatures_only_move_forward(
    signed: list[Payload], asked: Payload, expected: Permit
) -> None:
    assert guard(*signed).permit(asked) is expected


def test_the_guard_of_a_reread_log_permits_exactly_the_same() -> None:
    before = SigningGuard(SafetyState())
    records = [
        before.note(Prepare(1, 0, X), None),
        before.note(Commit(1, 0, X), HELD),
        before.note(RoundChange(1, 1, 0, X), HELD),
    ]
    after = SigningGuard(SafetyState(tuple(records)))
    assert after.prepared == HELD
    for payload in (
        RoundChange(1, 1, 0, X),
        RoundChange(1, 1),
        RoundChange(1, 2),
        Proposal(1, 1, X),
        Prepare(1, 0, Y),
        Commit(1, 0, X),
    ):
        assert after.permit(payload) is before.permit(payload)


def test_a_new_height_forgets_what_was_prepared() -> None:
    made = guard(Commit(1, 0, X), held=HELD)
    made.note(Prepare(2, 0, Y), None)
    assert made.prepared is None


def test_a_log_of_several_heights_counts_by_its_newest() -> None:
    old = SafetyRecord(1, 7, Commit(1, 7, X).code, X, HELD)
    new = SafetyRecord(2, 0, Prepare(2, 0, Y).code, Y, None)
    made = SigningGuard(SafetyState((old, new)))
    assert (made.height, made.round, made.prepared) == (2, 0, None)
    assert made.permit(Prepare(2, 0, Y)) is Permit.AGAIN
    assert made.permit(Prepare(1, 8, X)) is Permit.NEVER


def test_of_two_certificates_of_a_height_the_newer_counts() -> None:
    """Also once the log is read back: a lock of a later round replaces the earlier."""
    later = certificate("ABC", 3, Y)
    made = SigningGuard(SafetyState())
    records = [
        made.note(Commit(1, 0, X), HELD),
        made.note(Commit(1, 3, Y), later),
        made.note(RoundChange(1, 4, 3, Y), later),
    ]
    assert made.prepared == later
    assert SafetyState(tuple(records)).prepared == later
    assert SigningGuard(SafetyState(tuple(records))).prepared == later


def test_a_round_change_resumes_only_with_its_own_prepares() -> None:
    """A COMMIT of the same round replaced the certificate it spoke of."""
    newer = certificate("ABC", 3, Y)
    made = guard(RoundChange(1, 3, 0, X), held=HELD)
    made.note(Prepare(1, 3, Y), HELD)
    made.note(Commit(1, 3, Y), newer)
    kinds = [type(draft.payload) for draft in made.drafts()]
    assert kinds == [Prepare, Commit]


def test_forbidding_a_height_is_news_once() -> None:
    made = guard()
    assert made.forbid(5)
    assert not made.forbid(5)
    assert not made.forbid(4)
    assert made.permit(Prepare(5, 0, X)) is Permit.NEVER
    assert made.permit(Prepare(6, 0, X)) is Permit.NEW


@pytest.mark.parametrize(
    ("payload", "lacks"),
    [
        (Prepare(1, 1, X), False),
        (Prepare(1, 1, Y), True),
        (Commit(1, 1, X), True),
        (Prepare(1, 0, Y), False),
        (RoundChange(1, 2), True),
        (Prepare(2, 0, X), True),
        (Prepare(0, 0, X), False),
    ],
)
def test_what_the_log_lacks_is_noticed(payload: Payload, lacks: bool) -> None:
    assert guard(Prepare(1, 1, X)).lacks(payload) is lacks


def test_a_record_without_its_digest_is_refused() -> None:
    record = SafetyRecord(1, 0, Prepare(1, 0, X).code, None, None)
    with pytest.raises(ValueError, match="without a digest"):
        SigningGuard(SafetyState((record,)))


PAYLOADS = st.one_of(
    st.builds(Proposal, st.integers(1, 2), st.integers(0, 3), st.sampled_from([X, Y])),
    st.builds(Prepare, st.integers(1, 2), st.integers(0, 3), st.sampled_from([X, Y])),
    st.builds(Commit, st.integers(1, 2), st.integers(0, 3), st.sampled_from([X, Y])),
    st.builds(RoundChange, st.integers(1, 2), st.integers(1, 3)),
)


@given(st.lists(st.tuples(PAYLOADS, st.booleans()), max_size=30))
def test_no_schedule_of_wishes_and_crashes_signs_a_contradiction(
    wishes: list[tuple[Payload, bool]],
) -> None:
    """One payload for each height, round and kind; one block for each round."""
    made, log = SigningGuard(SafetyState()), list[SafetyRecord]()
    signed: dict[tuple[int, int, int], Payload] = {}
    for wish, crashes in wishes:
        permit = made.permit(wish)
        if permit is Permit.NEW:
            log.append(made.note(wish, None))
        if permit is not Permit.NEVER:
            key = (wish.height, wish.round, wish.code)
            assert signed.setdefault(key, wish) == wish
        if crashes:
            newest = [r for r in log if r.height == log[-1].height]
            made = SigningGuard(SafetyState(tuple(newest)))
    blocks: dict[tuple[int, int], set[bytes]] = {}
    for payload in signed.values():
        if not isinstance(payload, RoundChange):
            place = (payload.height, payload.round)
            blocks.setdefault(place, set()).add(payload.digest)
    assert all(len(found) == 1 for found in blocks.values())
