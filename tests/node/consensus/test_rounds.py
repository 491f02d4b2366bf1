"""Round 0 begins, rounds end, and the proposer of a later round proposes."""

import pytest

from node.consensus.effects import (
    Broadcast,
    BuildBlock,
    ObtainBlock,
    ReportPeer,
    SendTo,
    SetTimer,
)
from node.consensus.events import TimerKind
from node.consensus.messages import Prepare, Proposal, ProposalMessage, RoundChange
from node.consensus.timers import MAX_ROUNDS_A_STEP
from tests.node.consensus.stage import Stage, peers
from tests.node.consensus.world import block, certificate, round_changes, who

A, B, C, D = peers("ABCD")
BLOCK = block("A", "good")
DIGEST = BLOCK.digest
HELD = certificate("ABC", 0, DIGEST)


# --- round 0 ---


def test_an_idle_height_begins_after_the_empty_block_period() -> None:
    stage = Stage("B").begin()
    assert stage.timeout_ms(TimerKind.START) == 5_000


def test_a_transaction_begins_round_0_after_the_gathering_time() -> None:
    stage = Stage("B").begin()
    stage.now_ms = 1_000
    assert stage.pending().timeout_ms(TimerKind.START) == 40


def test_round_0_never_begins_before_the_minimum_interval() -> None:
    stage = Stage("B").begin()
    stage.now_ms = 10
    assert stage.pending().timers[TimerKind.START].deadline_ms == 100
    assert Stage("B").begin(pending=True).timeout_ms(TimerKind.START) == 100


def test_more_transactions_do_not_put_the_start_off() -> None:
    stage = Stage("B").begin()
    stage.now_ms = 1_000
    stage.pending()
    stage.now_ms = 1_030
    assert stage.pending().timers[TimerKind.START].deadline_ms == 1_040
    stage = Stage("B").begin()
    stage.now_ms = 4_990
    assert stage.pending().timers[TimerKind.START].deadline_ms == 5_000


def test_the_proposer_of_round_0_builds_and_proposes() -> None:
    stage = Stage("A").start()
    assert stage.asked(BuildBlock) == [BuildBlock(1, 0, 0)]
    assert isinstance(stage.payloads()[0], Proposal)


def test_the_others_wait_for_its_proposal() -> None:
    stage = Stage("B").start()
    assert stage.asked(BuildBlock) == []
    assert stage.timeout_ms() == 1_000


def test_a_block_that_cannot_be_built_costs_the_round_and_halts_nothing() -> None:
    stage = Stage("A", answers=False).start().built(None)
    assert stage.payloads() == []
    stage.fire(TimerKind.ROUND)
    assert stage.payloads() == [RoundChange(1, 1)]


def test_a_block_built_too_late_is_not_proposed() -> None:
    stage = Stage("A", answers=False).start().fire(TimerKind.ROUND).built(BLOCK)
    assert stage.payloads() == [RoundChange(1, 1)]


def test_the_proposer_follows_the_parents_coinbase() -> None:
    parent = block("B", "parent").header
    for name, proposes in (("C", True), ("D", False)):
        stage = Stage(name, answers=False).begin(parent, pending=True)
        stage.fire(TimerKind.START)
        assert bool(stage.asked(BuildBlock)) is proposes


def test_the_next_address_proposes_when_the_coinbase_left_the_set() -> None:
    parent = block("B", "parent").header
    stage = Stage("C", names="ACD", answers=False).begin(parent, pending=True)
    assert len(stage.fire(TimerKind.START).asked(BuildBlock)) == 1


# --- a proposer that missed its turns ---


def test_a_proposer_that_missed_its_turns_is_waited_for_less() -> None:
    # A, C, D made every block: the turns of B came after A, and C made those blocks.
    parent = block("A", "parent").header
    waits = []
    for coinbases in ("DA", "ACDA", "ACDACDA", "ACDACDACDA", "ACDACDACDACDA"):
        stage = Stage("C").begin(parent, pending=True, coinbases=coinbases)
        waits.append(stage.fire(TimerKind.START).timeout_ms())
    assert waits == [1_000, 500, 250, 140, 140]


def test_its_proposal_when_it_does_come_gets_the_full_time() -> None:
    parent = block("A", "parent").header
    stage = Stage("C").begin(parent, pending=True, coinbases="ACDACDA")
    stage.fire(TimerKind.START)
    stage.receive(B.proposal(0, block("B", parent=parent)))
    assert stage.timeout_ms() == 1_000


def test_one_turn_taken_ends_the_suspicion() -> None:
    parent = block("A", "parent").header
    stage = Stage("C").begin(parent, pending=True, coinbases="ACDACDABCDA")
    assert stage.fire(TimerKind.START).timeout_ms() == 1_000


def test_a_proposer_in_a_hurry_builds_a_smaller_block() -> None:
    parent = block("A", "parent").header
    stage = Stage("B").begin(parent, pending=True, coinbases="ACDACDA")
    stage.fire(TimerKind.START)
    assert stage.asked(BuildBlock) == [BuildBlock(2, 0, halvings=2)]


# --- timeouts ---


def test_a_round_that_takes_too_long_is_changed() -> None:
    stage = Stage("B").start().fire(TimerKind.ROUND)
    assert stage.payloads() == [RoundChange(1, 1)]
    assert stage.round == 1


def test_a_round_change_carries_what_was_prepared() -> None:
    stage = Stage("B").start()
    stage.receive(A.proposal(0, BLOCK), A.prepare(0, DIGEST), C.prepare(0, DIGEST))
    stage.clear().fire(TimerKind.ROUND)
    assert stage.payloads() == [RoundChange(1, 1, 0, DIGEST)]
    message = stage.sent[0]
    assert message == B.round_change(1, HELD)


def test_round_timers_double_up_to_the_cap() -> None:
    stage = Stage("B").start()
    waits = []
    for _ in range(6):
        stage.fire(TimerKind.ROUND)
        waits.append(stage.timeout_ms())
    assert waits == [2_000, 4_000, 8_000, 8_000, 8_000, 8_000]


def test_a_waiting_round_sends_its_messages_again() -> None:
    stage = Stage("B").start().fire(TimerKind.ROUND).clear()
    stage.fire(TimerKind.RESEND).fire(TimerKind.RESEND)
    assert stage.asked(Broadcast) == [Broadcast(B.round_change(1))] * 2


def test_a_timer_of_a_round_that_is_over_changes_nothing() -> None:
    stage = Stage("B").start()
    timer = stage.timers[TimerKind.ROUND]
    stage.receive(A.round_change(1), C.round_change(1)).clear()
    stage.timers[TimerKind.ROUND] = timer
    assert stage.fire(TimerKind.ROUND).effects == []
    assert stage.round == 1


def test_a_timer_that_fires_before_its_deadline_is_set_again() -> None:
    stage = Stage("B").start()
    timer = stage.timers[TimerKind.ROUND]
    stage.timers[TimerKind.ROUND] = SetTimer(TimerKind.ROUND, stage.now_ms, 1, 0)
    stage.clear().fire(TimerKind.ROUND)
    assert stage.effects == [timer]


# --- the f+1 jump ---


def test_one_validator_that_is_further_is_not_followed() -> None:
    stage = Stage("B").start().receive(C.round_change(5))
    assert stage.payloads() == []
    assert stage.round == 0


def test_f_plus_one_that_are_further_are_followed() -> None:
    stage = Stage("B").start().receive(C.round_change(6), D.round_change(6))
    assert stage.payloads() == [RoundChange(1, 6)]


def test_the_jump_goes_to_the_f_plus_first_largest_round() -> None:
    """The smallest of all higher rounds would let one liar drag the target down."""
    stage = Stage("A", names="ABCD").begin()
    stage.receive(B.round_change(1), C.round_change(4))
    assert stage.round == 1
    stage.receive(D.round_change(7))
    assert stage.round == 4


def test_one_liar_far_ahead_does_not_drag_the_target_up() -> None:
    stage = Stage("A").begin().receive(B.round_change(10**9), C.round_change(2))
    assert stage.round == 2


def test_the_latest_round_of_each_counts_once() -> None:
    stage = Stage("B").start().receive(C.round_change(5), C.round_change(6))
    assert stage.round == 0


def test_prepares_and_commits_tell_how_far_a_validator_is() -> None:
    stage = Stage("B").start().receive(C.prepare(3, DIGEST), D.commit(3, DIGEST))
    assert stage.payloads() == [RoundChange(1, 3)]


def test_seven_validators_follow_three() -> None:
    stage = Stage("A", names="ABCDEFG").begin()
    stage.receive(B.round_change(2), C.round_change(2))
    assert stage.round == 0
    assert stage.receive(D.round_change(3)).round == 2


# --- ROUND_CHANGE is checked ---


@pytest.mark.parametrize(
    "message",
    [
        B.round_change(1, certificate("AB", 0, DIGEST)),
        B.round_change(1, certificate("ABB", 0, DIGEST)),
        B.round_change(1, certificate("ABE", 0, DIGEST)),
        B.round_change(1, certificate("ABC", 1, DIGEST)),
        B.round_change(0),
    ],
    ids=["no quorum", "one twice", "a stranger", "its own round", "round 0"],
)
def test_an_unjustified_round_change_counts_for_nothing(message: object) -> None:
    assert isinstance(message, type(B.round_change(1)))
    stage = Stage("A").begin().receive(message)
    assert len(stage.asked(ReportPeer)) == 1
    stage.receive(C.round_change(1))
    assert stage.round == 0


def test_prepares_of_another_block_prove_nothing() -> None:
    other = certificate("ABC", 0, block("A", "other").digest)
    honest = B.round_change(1, HELD)
    forged = type(honest)(honest.signed, other.prepares)
    stage = Stage("A").begin().receive(forged)
    assert len(stage.asked(ReportPeer)) == 1


# --- the proposer of a later round ---


def test_a_quorum_of_unprepared_round_changes_allows_a_fresh_block() -> None:
    stage = Stage("B", answers=False).start()
    stage.receive(A.round_change(1), C.round_change(1))
    assert stage.asked(BuildBlock) == [BuildBlock(1, 1, 0)]
    fresh = block("B", "fresh")
    stage.clear().built(fresh, 1)
    (message,) = stage.sent
    assert message == B.proposal(1, fresh, round_changes("ABC", 1))


def test_a_block_that_was_asked_for_in_an_earlier_turn_is_not_proposed() -> None:
    stage = Stage("B", answers=False).start()
    stage.receive(A.round_change(1), C.round_change(1))
    stage.receive(A.round_change(5), C.round_change(5))
    assert stage.asked(BuildBlock)[-1].round == 5
    stage.clear().built(block("B", "of round 1"), 1)
    assert stage.sent == []
    stage.built(block("B", "of round 5"), 5)
    assert stage.payloads()[0] == Proposal(1, 5, block("B", "of round 5").digest)


def test_less_than_a_quorum_allows_nothing() -> None:
    stage = Stage("B", names="ABCDE", answers=False).start()  # f = 1, quorum 4
    stage.receive(A.round_change(1), C.round_change(1))
    assert stage.round == 1
    assert stage.asked(BuildBlock) == []


def test_only_its_proposer_proposes_in_a_later_round() -> None:
    stage = Stage("C").start().receive(A.round_change(1), D.round_change(1))
    assert stage.payloads() == [RoundChange(1, 1)]


def test_the_block_of_the_highest_prepared_round_is_proposed_again() -> None:
    newer = block("A", "newer")
    held = certificate("ABD", 4, newer.digest)
    stage = Stage("B").begin()  # B proposes in rounds 1, 5, 9
    stage.receive(A.round_change(5, HELD), C.round_change(5, held))
    assert stage.asked(ObtainBlock) == [ObtainBlock(1, newer.digest)]
    stage.clear().obtained(newer)
    proposal = stage.sent[0]
    assert isinstance(proposal, ProposalMessage)
    assert proposal.signed.payload == Proposal(1, 5, newer.digest)
    assert proposal.prepares == held.prepares
    assert len(proposal.round_changes) == 3


def test_a_block_that_is_known_is_proposed_again_at_once() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK)).clear()
    stage.receive(A.round_change(1, HELD), D.round_change(1))
    assert stage.asked(ObtainBlock) == []
    assert stage.payloads()[:2] == [RoundChange(1, 1), Proposal(1, 1, DIGEST)]


def test_what_arrives_while_building_does_not_change_the_justification() -> None:
    stage = Stage("B", answers=False).start()
    stage.receive(A.round_change(1), C.round_change(1))
    stage.receive(D.round_change(1, HELD)).clear()
    stage.built(block("B", "fresh"), 1)
    proposal = stage.sent[0]
    assert isinstance(proposal, ProposalMessage)
    assert proposal.round_changes == round_changes("ABC", 1)
    judge = Stage("D").start().receive(proposal)
    assert judge.payloads() == [Prepare(1, 1, proposal.block.digest)]


def test_blocks_of_later_rounds_are_smaller() -> None:
    halvings = []
    for round_ in (1, 5, 9):
        stage = Stage("B", answers=False).begin()
        stage.receive(A.round_change(round_), C.round_change(round_))
        (build,) = stage.asked(BuildBlock)
        assert isinstance(build, BuildBlock)
        halvings.append(build.halvings)
    assert halvings == [0, 4, 4]


# --- a proposal of a later round ---


def test_a_justified_proposal_of_a_later_round_is_joined() -> None:
    fresh = block("C", "fresh")
    stage = Stage("B").start().receive(C.proposal(2, fresh, round_changes("ACD", 2)))
    assert stage.round == 2
    assert stage.payloads() == [Prepare(1, 2, fresh.digest)]
    assert stage.timeout_ms() == 4_000


def test_a_proposal_of_an_earlier_round_is_not_prepared() -> None:
    stage = Stage("B").start().fire(TimerKind.ROUND).clear()
    assert stage.receive(A.proposal(0, BLOCK)).payloads() == []


def test_prepares_of_an_earlier_round_lock_nothing() -> None:
    stage = Stage("B", answers=False).start().receive(A.proposal(0, BLOCK))
    stage.fire(TimerKind.ROUND).validated(DIGEST).clear()
    stage.receive(*(peer.prepare(0, DIGEST) for peer in (A, C, D)))
    assert stage.payloads() == []
    assert stage.fire(TimerKind.ROUND).payloads() == [RoundChange(1, 2)]


# --- presence: waiting for one proposer after waiting for a quorum ---


def lonely(rounds: int) -> Stage:
    """B after so many rounds without hearing anybody."""
    stage = Stage("B").start()
    for _ in range(rounds):
        stage.fire(TimerKind.ROUND)
    return stage


def test_a_returning_quorum_restarts_the_timer_at_its_base() -> None:
    stage = lonely(7)
    assert stage.timeout_ms() == 8_000
    stage.receive(A.round_change(7), C.round_change(7))
    assert stage.timeout_ms() == 1_000


def test_it_restarts_once_a_round_however_often_they_say_so() -> None:
    stage = lonely(7).receive(A.round_change(7), C.round_change(7))
    stage.now_ms += 900
    stage.receive(A.round_change(7), C.round_change(7), D.round_change(7))
    assert stage.timeout_ms() == 100


def test_rounds_that_fail_with_a_quorum_present_wait_longer_and_longer() -> None:
    stage, waits = lonely(7), []
    for round_ in range(7, 13):
        stage.receive(A.round_change(round_), C.round_change(round_))
        waits.append(stage.timeout_ms())
        stage.fire(TimerKind.ROUND)
    assert waits == [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]


def test_those_heard_long_ago_are_not_present() -> None:
    stage = lonely(7).receive(A.round_change(9))
    stage.now_ms += 3_000
    assert stage.receive(C.round_change(7)).timeout_ms() == 5_000


def test_a_round_that_cannot_have_a_quorum_moves_up_to_those_ahead() -> None:
    """D is dead, A waited alone through 40 rounds: B and C need it, and find it."""
    stage = lonely(5).receive(A.round_change(40), C.round_change(5))
    assert stage.round == 5
    stage.fire(TimerKind.ROUND)
    assert stage.round == 40


def test_a_liar_ahead_moves_nobody_while_a_quorum_is_here() -> None:
    stage = lonely(5)
    stage.receive(A.round_change(40), C.round_change(5), D.round_change(5))
    assert stage.fire(TimerKind.ROUND).round == 6


def test_one_step_up_is_bounded() -> None:
    stage = lonely(5).receive(A.round_change(2**63), C.round_change(5))
    assert stage.fire(TimerKind.ROUND).round == 5 + MAX_ROUNDS_A_STEP


def test_the_messages_of_the_round_are_sent_to_a_peer_that_comes_back() -> None:
    stage = Stage("B").start()
    stage.receive(A.proposal(0, BLOCK), A.prepare(0, DIGEST), C.prepare(0, DIGEST))
    stage.fire(TimerKind.ROUND).clear().connect("D")
    assert stage.effects == [
        SendTo(who("D"), B.prepare(0, DIGEST)),
        SendTo(who("D"), B.commit(0, DIGEST)),
        SendTo(who("D"), B.round_change(1, HELD)),
    ]
