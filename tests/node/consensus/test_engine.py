"""What outlives a height: heights to come, followers, crashes, clones, status."""

from dataclasses import replace

from node.chain.signing import MessageCode
from node.consensus import Engine
from node.consensus.effects import (
    CancelTimer,
    ForbidSigning,
    ObtainBlock,
    PersistSafetyRecord,
    RecordEvidence,
    ReportPeer,
    SendTo,
    SignAndBroadcast,
    ValidateBlock,
)
from node.consensus.events import (
    MessageReceived,
    NewHeight,
    PeerConnected,
    SigningForbidden,
    TimerKind,
    TransactionsPending,
)
from node.consensus.messages import (
    Commit,
    Evidence,
    Prepare,
    Proposal,
    RoundChange,
    RoundChangeDraft,
)
from node.consensus.round_state import Phase
from node.consensus.safety import SafetyRecord, SafetyState
from tests.node.consensus.stage import CONFIG, Stage, names, peers
from tests.node.consensus.world import (
    GENESIS,
    block,
    certificate,
    round_changes,
    validators,
    who,
)

A, B, C, D = peers("ABCD")
BLOCK = block("A", "good")
OTHER = block("A", "other")
DIGEST = BLOCK.digest
HELD = certificate("ABC", 0, DIGEST)


def prepared_stage() -> Stage:
    """B has prepared BLOCK in round 0 and sent its COMMIT."""
    stage = Stage("B").start()
    return stage.receive(
        A.proposal(0, BLOCK), A.prepare(0, DIGEST), C.prepare(0, DIGEST)
    )


# --- heights ---


def test_the_engine_is_idle_before_its_first_height() -> None:
    engine = Engine(replace(CONFIG, own=who("B")), SafetyState())
    assert engine.status() is None
    assert engine.step(TransactionsPending(0)) == []
    assert engine.step(PeerConnected(0, who("A"))) == []
    assert engine.step(MessageReceived(0, who("A"), A.round_change(1))) == []


def test_a_new_height_drops_the_timers_of_the_old_one() -> None:
    stage = Stage("B").start().clear().begin(BLOCK.header)
    assert stage.asked(CancelTimer) == [CancelTimer(TimerKind.ROUND)]
    assert stage.height == 2
    assert list(stage.timers) == [TimerKind.START]


def test_a_height_that_is_over_does_not_begin_again() -> None:
    stage = Stage("B").begin(BLOCK.header).clear()
    assert stage.begin(GENESIS).effects == []
    assert stage.begin(BLOCK.header).effects == []
    assert stage.height == 2


def test_messages_of_past_heights_are_ignored() -> None:
    stage = Stage("B").begin(BLOCK.header).clear()
    stage.receive(A.proposal(0, BLOCK), *(p.commit(0, DIGEST) for p in (A, C, D)))
    stage.receive(C.round_change(9), D.round_change(9))
    assert stage.effects == []


def test_messages_of_the_next_height_wait_for_it() -> None:
    following = block("B", "next", BLOCK.header)
    stage = Stage("C").start()
    stage.receive(
        B.proposal(0, following),
        *(p.prepare(0, following.digest, height=2) for p in (A, B)),
    )
    assert stage.payloads() == []
    stage.begin(BLOCK.header)
    assert stage.payloads() == [
        Prepare(2, 0, following.digest),
        Commit(2, 0, following.digest),
    ]


def test_messages_before_the_first_height_wait_too() -> None:
    stage = Stage("B").receive(A.proposal(0, BLOCK))
    assert stage.begin().payloads() == [Prepare(1, 0, DIGEST)]


# --- validator sets ---


def test_messages_of_validators_that_left_are_ignored_without_offence() -> None:
    stage = Stage("B").begin(BLOCK.header, set_=validators("ABC")).clear()
    stage.receive(D.round_change(1, height=2), D.prepare(0, DIGEST, height=2))
    assert stage.effects == []


def test_a_validator_that_left_cannot_complete_a_quorum() -> None:
    following = block("B", "next", BLOCK.header)
    stage = Stage("C").begin(BLOCK.header, set_=validators("ABC"))
    stage.receive(B.proposal(0, following))
    stage.receive(*(p.commit(0, following.digest, height=2) for p in (A, D)))
    assert stage.committed == []
    stage.receive(B.commit(0, following.digest, height=2))
    (found,) = stage.committed  # of three validators two are a quorum
    assert len(found.seals) == 2


def test_a_node_that_left_the_set_follows_and_one_that_joined_signs() -> None:
    stage = Stage("D", names="ABC").begin()
    stage.receive(A.proposal(0, BLOCK))
    assert stage.payloads() == []
    following = block("B", "next", BLOCK.header)
    stage.begin(BLOCK.header, set_=validators("ABCD"))
    stage.receive(B.proposal(0, following))
    assert stage.payloads() == [Prepare(2, 0, following.digest)]


# --- followers ---


def test_an_observer_follows_and_never_signs_or_waits() -> None:
    stage = Stage(None).begin(pending=True)
    stage.receive(A.proposal(0, BLOCK))
    assert len(stage.asked(ValidateBlock)) == 1
    stage.receive(*(peer.prepare(0, DIGEST) for peer in (A, B, C)))
    stage.receive(*(peer.commit(0, DIGEST) for peer in (A, B, C)))
    assert [found.digest for found in stage.committed] == [DIGEST]
    assert stage.payloads() == []
    assert stage.timers == {}


def test_an_observer_joins_later_rounds() -> None:
    fresh = block("C", "fresh")
    stage = Stage(None).begin().receive(A.round_change(2), B.round_change(2))
    assert stage.round == 2
    stage.receive(C.proposal(2, fresh, round_changes("ABC", 2)))
    assert len(stage.asked(ValidateBlock)) == 1
    assert stage.payloads() == []


def test_a_missing_or_foreign_log_makes_a_follower() -> None:
    stage = Stage("A", safety=SafetyState(can_sign=False)).begin(pending=True)
    assert stage.timers == {}
    stage.receive(*(peer.commit(0, DIGEST) for peer in (B, C, D)))
    stage.obtained(BLOCK)
    assert len(stage.committed) == 1
    status = stage.engine.status()
    assert status is not None
    assert not status.may_sign
    assert "safety log" in status.refusal


# --- crashes ---


def test_a_record_precedes_every_signature() -> None:
    stage = prepared_stage().fire(TimerKind.ROUND)
    kinds = [type(e) for e in stage.effects]
    for position, kind in enumerate(kinds):
        if kind is SignAndBroadcast:
            assert kinds[position - 1] is PersistSafetyRecord


def test_after_a_crash_the_lock_is_still_carried() -> None:
    stage = prepared_stage().restart().begin()
    assert stage.fire(TimerKind.ROUND).sent[-1] == B.round_change(1, HELD)


def test_after_a_crash_its_signatures_are_sent_again_without_new_records() -> None:
    stage = prepared_stage().restart().begin()
    assert stage.payloads() == [Prepare(1, 0, DIGEST), Commit(1, 0, DIGEST)]
    assert stage.asked(PersistSafetyRecord) == []


def test_after_a_crash_the_round_is_the_logs() -> None:
    stage = Stage("B").start()
    for _ in range(3):
        stage.fire(TimerKind.ROUND)
    stage.restart().begin(pending=True)
    assert stage.round == 3
    assert stage.payloads() == [RoundChange(1, 3)]
    assert stage.timeout_ms() == 8_000


def test_after_a_crash_another_proposal_of_the_round_is_not_prepared() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK))
    stage.restart().begin().clear()
    assert stage.receive(A.proposal(0, OTHER)).payloads() == []
    assert len(stage.asked(ValidateBlock)) == 1


def test_after_a_crash_the_same_proposal_is_prepared_again_and_committed() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK))
    stage.restart().begin().receive(A.proposal(0, BLOCK))
    stage.receive(A.prepare(0, DIGEST), C.prepare(0, DIGEST))
    assert stage.payloads()[-1] == Commit(1, 0, DIGEST)


def test_after_a_crash_the_proposer_does_not_propose_another_block() -> None:
    stage = Stage("A").start().restart().begin(pending=True)
    assert stage.payloads() == [
        Prepare(1, 0, block("A", "built 1.0").digest),
    ]
    assert TimerKind.START not in stage.timers
    assert stage.fire(TimerKind.ROUND).payloads()[-1] == RoundChange(1, 1)


def test_after_a_crash_a_proposer_may_still_propose_in_a_round_it_announced() -> None:
    stage = Stage("B").start().fire(TimerKind.ROUND).restart().begin()
    stage.receive(A.round_change(1), C.round_change(1))
    assert isinstance(stage.payloads()[1], Proposal)


def test_records_of_an_older_height_bind_nothing_now() -> None:
    stage = prepared_stage().restart().begin(BLOCK.header, pending=True)
    assert list(stage.timers) == [TimerKind.START]
    assert stage.fire(TimerKind.START).fire(TimerKind.ROUND).payloads()[-1] == (
        RoundChange(2, 1)
    )


def test_a_node_behind_its_own_log_signs_nothing_until_it_is_past_it() -> None:
    """Its block store was restored, or lost its end: the log knows better."""
    ahead = SafetyRecord(5, 0, MessageCode.PREPARE, DIGEST, None)
    stage = Stage("B", safety=SafetyState((ahead,))).begin(pending=True)
    stage.receive(A.proposal(0, BLOCK))
    assert stage.payloads() == []
    status = stage.engine.status()
    assert status is not None
    assert "height 5" in status.refusal


# --- restored and cloned logs ---


def test_nothing_is_signed_up_to_a_forbidden_height() -> None:
    stage = Stage("B", safety=SafetyState(sign_above=1)).begin(pending=True)
    stage.receive(A.proposal(0, BLOCK))
    assert stage.payloads() == []
    following = block("B", "next", BLOCK.header)
    stage.begin(BLOCK.header)
    stage.fire(TimerKind.START)
    assert isinstance(stage.payloads()[0], Proposal)
    assert following.header.coinbase == who("B")


def test_forbidding_takes_effect_at_once_and_stops_the_timers() -> None:
    stage = Stage("B").start().step(SigningForbidden(0, 1))
    assert stage.timers == {}
    assert stage.receive(A.proposal(0, BLOCK)).payloads() == []
    early = Stage("B").step(SigningForbidden(0, 1)).begin(pending=True)
    assert early.timers == {}


def test_a_signature_of_ours_that_the_log_lacks_stops_signing() -> None:
    stage = Stage("B").start().receive(B.prepare(0, DIGEST), via="C")
    (ban,) = stage.asked(ForbidSigning)
    assert isinstance(ban, ForbidSigning)
    assert ban.height == 2
    assert stage.receive(A.proposal(0, BLOCK)).payloads() == []


def test_a_clone_is_noticed_at_a_later_height_too() -> None:
    stage = Stage("B").start().receive(B.round_change(1, height=7), via="C")
    (ban,) = stage.asked(ForbidSigning)
    assert isinstance(ban, ForbidSigning)
    assert ban.height == 8
    assert stage.receive(B.round_change(1, height=7), via="D").asked(ForbidSigning) == [
        ban
    ]


def test_a_clone_that_contradicts_us_is_evidence() -> None:
    stage = prepared_stage().receive(B.prepare(0, OTHER.digest), via="C")
    assert len(stage.asked(ForbidSigning)) == 1
    first, second = B.prepare(0, DIGEST).signed, B.prepare(0, OTHER.digest).signed
    assert stage.asked(RecordEvidence) == [RecordEvidence(Evidence(first, second))]


def test_our_own_older_signatures_from_peers_are_no_clone() -> None:
    stage = prepared_stage().fire(TimerKind.ROUND)
    stage.receive(B.prepare(0, DIGEST), B.commit(0, DIGEST), via="C")
    stage.receive(B.round_change(1, HELD), via="C")
    assert stage.asked(ForbidSigning) == []


# --- evidence ---


def test_a_double_signature_of_each_kind_is_kept_as_evidence() -> None:
    held = certificate("ABC", 0, DIGEST)
    pairs = [
        (A.proposal(0, BLOCK), A.proposal(0, OTHER)),
        (C.prepare(0, DIGEST), C.prepare(0, OTHER.digest)),
        (C.commit(3, DIGEST), C.commit(3, OTHER.digest)),
        (C.round_change(2), C.round_change(2, held)),
    ]
    for first, second in pairs:
        stage = Stage("B").start().receive(first, second)
        expected = Evidence(first.signed, second.signed)
        assert stage.asked(RecordEvidence) == [RecordEvidence(expected)]


def test_evidence_is_kept_once_for_each_kind() -> None:
    stage = Stage("B").start()
    for tag in ("x", "y", "z"):
        stage.receive(C.prepare(0, block("A", tag).digest))
    stage.receive(C.prepare(1, DIGEST), C.prepare(1, OTHER.digest))
    assert len(stage.asked(RecordEvidence)) == 1


def test_of_two_contradicting_messages_the_first_counts() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK))
    stage.receive(C.prepare(0, OTHER.digest), C.prepare(0, DIGEST))
    stage.receive(A.prepare(0, DIGEST))
    assert Commit(1, 0, DIGEST) not in stage.payloads()


def test_the_same_message_twice_is_no_evidence() -> None:
    stage = Stage("B").start().receive(*[C.prepare(0, DIGEST)] * 2)
    stage.receive(*[C.round_change(1)] * 2, *[A.proposal(0, BLOCK)] * 2)
    assert stage.asked(RecordEvidence) == []
    assert stage.asked(ReportPeer) == []


# --- peers and introspection ---


def test_a_peer_that_comes_back_gets_the_latest_messages() -> None:
    stage = Stage("A").start().clear().connect("C")
    built = block("A", "built 1.0")
    assert stage.asked(SendTo) == [
        SendTo(who("C"), A.proposal(0, built)),
        SendTo(who("C"), A.prepare(0, built.digest)),
    ]


def test_status_tells_who_was_heard_in_the_round() -> None:
    stage = prepared_stage().receive(A.commit(0, DIGEST))
    status = stage.engine.status()
    assert status is not None
    assert (status.height, status.round, status.phase) == (1, 0, Phase.COMMIT)
    assert status.proposer == who("A")
    assert status.proposed
    assert names(status.prepared_by) == "ABC"
    assert names(status.committed_by) == "AB"
    assert names(status.present) == "ABC"
    assert status.prepared_round == 0
    assert (status.quorum, status.may_sign, status.refusal) == (3, True, "")
    assert status.next_timer_ms == stage.timers[TimerKind.ROUND].deadline_ms


def test_status_shows_a_network_without_quorum() -> None:
    stage = Stage("B").start().fire(TimerKind.ROUND).receive(C.round_change(1))
    status = stage.engine.status()
    assert status is not None
    assert (status.phase, status.round) == (Phase.PROPOSAL, 1)
    assert names(status.round_changes_by) == "BC"
    assert names(status.present) == "BC"
    assert status.reached == ((who("B"), 1), (who("C"), 1))


def test_an_engine_waits_for_a_transaction_with_nothing_heard() -> None:
    status = Stage("B").begin().engine.status()
    assert status is not None
    assert (status.phase, status.present) == (Phase.WAITING, ())
    assert status.next_timer_ms == 5_000


def test_a_block_prepared_before_the_crash_is_obtained_to_be_proposed_again() -> None:
    stage = prepared_stage().fire(TimerKind.ROUND).restart().begin()
    stage.receive(A.round_change(1), C.round_change(1))
    assert stage.asked(ObtainBlock) == [ObtainBlock(1, DIGEST)]
    stage.obtained(BLOCK)
    assert Proposal(1, 1, DIGEST) in stage.payloads()


def test_the_resumed_round_change_carries_its_prepares() -> None:
    stage = prepared_stage().fire(TimerKind.ROUND).restart().begin()
    (effect,) = stage.asked(SignAndBroadcast)
    assert isinstance(effect, SignAndBroadcast)
    assert effect.draft == RoundChangeDraft(RoundChange(1, 1, 0, DIGEST), HELD.prepares)


def test_a_new_height_event_needs_no_coinbases() -> None:
    stage = Stage("B")
    stage.step(NewHeight(0, GENESIS, validators(), (), True))
    assert stage.fire(TimerKind.START).timeout_ms() == 1_000
