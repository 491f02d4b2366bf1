"""PROPOSAL, PREPARE and COMMIT within a round. The engine under test is B unless named;
A proposes in round 0 of height 1, B in round 1."""

from node.chain.signing import MessageCode
from node.consensus.effects import (
    BuildBlock,
    CommitBlock,
    Halt,
    ObtainBlock,
    PersistBody,
    PersistSafetyRecord,
    RecordEvidence,
    ReportPeer,
    SignAndBroadcast,
    ValidateBlock,
)
from node.consensus.events import TimerKind
from node.consensus.messages import Commit, Prepare, Proposal
from node.consensus.round_state import Phase
from tests.node.consensus.stage import Stage, peers
from tests.node.consensus.world import (
    block,
    certificate,
    make_header,
    round_changes,
    who,
)

A, B, C, D = peers("ABCD")
BLOCK = block("A", "good")
OTHER = block("A", "other")
DIGEST = BLOCK.digest


def prepared_stage() -> Stage:
    """B has prepared BLOCK in round 0 and sent its COMMIT."""
    stage = Stage("B").start()
    return stage.receive(
        A.proposal(0, BLOCK), A.prepare(0, DIGEST), C.prepare(0, DIGEST)
    )


def test_a_valid_proposal_is_executed_and_then_prepared() -> None:
    stage = Stage("B", answers=False).start()
    stage.receive(A.proposal(0, BLOCK))
    assert stage.asked(ValidateBlock) == [ValidateBlock(1, 0, BLOCK, who("A"))]
    assert stage.payloads() == []
    stage.validated(DIGEST)
    assert stage.payloads() == [Prepare(1, 0, DIGEST)]


def test_an_invalid_block_is_not_prepared_and_its_proposer_is_reported() -> None:
    stage = Stage("B", answers=False).start().receive(A.proposal(0, BLOCK))
    stage.validated(DIGEST, valid=False)
    assert stage.payloads() == []
    (report,) = stage.asked(ReportPeer)
    assert isinstance(report, ReportPeer)
    assert report.peer == who("A")
    assert "said so" in report.reason


def test_a_block_refused_by_the_local_clock_alone_is_nobodys_fault() -> None:
    stage = Stage("B", answers=False).start().receive(A.proposal(0, BLOCK))
    stage.validated(DIGEST, valid=False, depends_on_clock=True)
    assert stage.payloads() == []
    assert stage.asked(ReportPeer) == []


def test_the_proposer_validates_its_own_block_like_anyones() -> None:
    stage = Stage("A", answers=False).start()
    stage.built(BLOCK)
    assert stage.payloads() == [Proposal(1, 0, DIGEST)]
    assert stage.asked(ValidateBlock) == [ValidateBlock(1, 0, BLOCK, who("A"))]
    stage.validated(DIGEST, valid=False)
    stage.receive(*(peer.prepare(0, DIGEST) for peer in (B, C, D)))
    assert stage.payloads() == [Proposal(1, 0, DIGEST)]


def test_only_the_proposer_of_the_round_may_propose() -> None:
    stage = Stage("B").start().receive(C.proposal(0, block("C")))
    assert stage.asked(ValidateBlock) == []
    assert stage.asked(ReportPeer) == [
        ReportPeer(who("C"), "it proposed out of its turn")
    ]


def test_a_fresh_block_names_its_proposer_as_coinbase() -> None:
    stage = Stage("B").start().receive(A.proposal(0, block("C")))
    assert stage.asked(ValidateBlock) == []
    assert stage.asked(ReportPeer) == [
        ReportPeer(who("A"), "its PROPOSAL is not justified")
    ]


def test_a_block_that_does_not_follow_the_head_is_refused() -> None:
    elsewhere = block("A", parent=make_header(None, who("C"), "another genesis"))
    stage = Stage("B").start().receive(A.proposal(0, elsewhere))
    assert stage.asked(ValidateBlock) == []
    assert len(stage.asked(ReportPeer)) == 1


def test_a_justification_in_round_0_is_refused() -> None:
    changes = round_changes("ABC", 1)
    stage = Stage("B").start().receive(A.proposal(0, BLOCK, changes))
    assert stage.asked(ValidateBlock) == []
    assert len(stage.asked(ReportPeer)) == 1


def test_only_the_first_proposal_of_a_round_counts() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK), A.proposal(0, OTHER))
    assert stage.asked(ValidateBlock) == [ValidateBlock(1, 0, BLOCK, who("A"))]
    assert len(stage.asked(RecordEvidence)) == 1


def test_the_same_proposal_again_changes_nothing() -> None:
    stage = prepared_stage().clear().receive(A.proposal(0, BLOCK))
    assert stage.effects == []
    assert stage.receive(A.commit(0, DIGEST), C.commit(0, DIGEST)).committed


def test_a_second_verdict_on_the_same_block_changes_nothing() -> None:
    assert prepared_stage().clear().validated(DIGEST).effects == []


def test_an_unjustified_copy_does_not_spoil_the_justified_proposal() -> None:
    fresh, changes = block("B", "fresh"), round_changes("ABD", 1)
    stage = Stage("C").start()
    stage.receive(B.proposal(1, fresh, changes[:2]), via="D")
    assert stage.asked(ReportPeer) == [
        ReportPeer(who("D"), "its PROPOSAL is not justified")
    ]
    stage.receive(B.proposal(1, fresh, changes))
    assert stage.payloads() == [Prepare(1, 1, fresh.digest)]


def test_a_proposal_is_accepted_while_nothing_is_pending_here() -> None:
    stage = Stage("B").begin(pending=False).receive(A.proposal(0, BLOCK))
    assert stage.payloads() == [Prepare(1, 0, DIGEST)]
    assert TimerKind.START not in stage.timers
    assert stage.timeout_ms() == 1_000


def test_a_quorum_of_prepares_makes_the_body_durable_and_then_commits() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK), A.prepare(0, DIGEST))
    assert Commit(1, 0, DIGEST) not in stage.payloads()
    stage.clear().receive(C.prepare(0, DIGEST))
    kinds = [type(effect) for effect in stage.effects]
    assert kinds == [PersistBody, PersistSafetyRecord, SignAndBroadcast]
    assert stage.payloads() == [Commit(1, 0, DIGEST)]


def test_the_commits_record_carries_the_prepared_certificate() -> None:
    (record,) = prepared_stage().records[-1:]
    assert record.code is MessageCode.COMMIT
    assert record.prepared == certificate("ABC", 0, DIGEST)


def test_a_quorum_of_six_validators_is_four() -> None:
    """2f + 1 would be three, and two quorums of three of six need not intersect."""
    stage = Stage("B", names="ABCDEF").start().receive(A.proposal(0, BLOCK))
    stage.receive(A.prepare(0, DIGEST), C.prepare(0, DIGEST))
    assert Commit(1, 0, DIGEST) not in stage.payloads()
    stage.receive(D.prepare(0, DIGEST))
    assert Commit(1, 0, DIGEST) in stage.payloads()


def test_a_prepare_sent_twice_counts_once() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK))
    stage.receive(C.prepare(0, DIGEST), C.prepare(0, DIGEST))
    assert Commit(1, 0, DIGEST) not in stage.payloads()


def test_prepares_of_another_block_or_round_do_not_count() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK))
    stage.receive(C.prepare(0, OTHER.digest), D.prepare(1, DIGEST))
    assert Commit(1, 0, DIGEST) not in stage.payloads()


def test_prepares_of_strangers_do_not_count() -> None:
    stage = Stage("B").start().receive(A.proposal(0, BLOCK))
    stage.receive(*(peer.prepare(0, DIGEST) for peer in peers("EF")))
    assert Commit(1, 0, DIGEST) not in stage.payloads()


def test_prepares_that_come_before_the_proposal_count() -> None:
    stage = Stage("B").start().receive(A.prepare(0, DIGEST), C.prepare(0, DIGEST))
    stage.receive(A.proposal(0, BLOCK))
    assert stage.payloads() == [Prepare(1, 0, DIGEST), Commit(1, 0, DIGEST)]


def test_nothing_is_committed_to_before_its_validation_ends() -> None:
    stage = Stage("B", answers=False).start().receive(A.proposal(0, BLOCK))
    stage.receive(*(peer.prepare(0, DIGEST) for peer in (A, C, D)))
    assert stage.payloads() == []
    stage.validated(DIGEST)
    assert stage.payloads() == [Prepare(1, 0, DIGEST), Commit(1, 0, DIGEST)]


def test_a_quorum_of_commits_makes_the_block_final() -> None:
    stage = prepared_stage().receive(A.commit(0, DIGEST))
    assert stage.committed == []
    stage.receive(C.commit(0, DIGEST))
    (found,) = stage.committed
    assert (found.height, found.round, found.digest) == (1, 0, DIGEST)
    assert len(found.seals) == 3
    assert stage.timers == {}


def test_commits_of_different_rounds_do_not_add_up() -> None:
    stage = prepared_stage().receive(A.commit(0, DIGEST), C.commit(1, DIGEST))
    assert stage.committed == []


def test_commits_of_different_blocks_do_not_add_up() -> None:
    stage = prepared_stage().receive(A.commit(0, DIGEST), C.commit(0, OTHER.digest))
    assert stage.committed == []


def test_a_block_is_stored_once_however_many_commits_come() -> None:
    stage = prepared_stage()
    stage.receive(A.commit(0, DIGEST), C.commit(0, DIGEST), D.commit(0, DIGEST))
    assert len(stage.committed) == 1


def test_commits_of_an_earlier_round_still_make_their_block_final() -> None:
    stage = prepared_stage().fire(TimerKind.ROUND)
    assert stage.round == 1
    stage.receive(A.commit(0, DIGEST), C.commit(0, DIGEST))
    assert [found.round for found in stage.committed] == [0]


def test_a_block_not_voted_for_is_validated_and_committed() -> None:
    stage = Stage("B", answers=False).start().receive(A.proposal(0, BLOCK))
    stage.fire(TimerKind.ROUND).clear()
    stage.receive(*(peer.commit(0, DIGEST) for peer in (A, C, D)))
    certified = ValidateBlock(1, 0, BLOCK, who("A"), certified=True)
    assert stage.asked(ValidateBlock) == [certified]
    stage.validated(DIGEST, certified=True)
    assert len(stage.asked(CommitBlock)) == 1


def test_an_unknown_block_with_a_certificate_is_obtained_first() -> None:
    stage = Stage("B").begin()
    stage.receive(*(peer.commit(2, DIGEST) for peer in (A, C, D)))
    assert stage.asked(ObtainBlock) == [ObtainBlock(1, DIGEST)]
    stage.obtained(OTHER)
    assert stage.committed == []
    stage.obtained(BLOCK)
    assert [found.digest for found in stage.committed] == [DIGEST]


def test_a_refused_proposal_that_a_quorum_commits_is_checked_again() -> None:
    """The local clock may have refused it; a certificate overrules the clock."""
    stage = Stage("B", answers=False).start().receive(A.proposal(0, BLOCK))
    stage.validated(DIGEST, valid=False, depends_on_clock=True)
    stage.clear().receive(*(peer.commit(0, DIGEST) for peer in (A, C, D)))
    stage.validated(DIGEST, certified=True)
    assert len(stage.asked(CommitBlock)) == 1


def test_a_quorum_behind_an_invalid_block_halts_the_node() -> None:
    stage = Stage("B", answers=False).start().receive(A.proposal(0, BLOCK))
    stage.receive(*(peer.commit(0, DIGEST) for peer in (A, C, D)))
    stage.validated(DIGEST, valid=False, certified=True)
    (halt,) = stage.asked(Halt)
    assert isinstance(halt, Halt)
    assert "block 1 " in halt.reason
    assert "said so" in halt.reason
    assert stage.committed == []


def test_a_final_height_says_nothing_more() -> None:
    stage = prepared_stage().receive(A.commit(0, DIGEST), C.commit(0, DIGEST)).clear()
    stage.receive(
        *(peer.round_change(3) for peer in (A, C, D)), D.prepare(0, OTHER.digest)
    )
    stage.pending()
    assert stage.effects == []
    status = stage.engine.status()
    assert status is not None
    assert status.phase is Phase.FINAL


def test_a_validator_alone_decides_alone() -> None:
    stage = Stage("A", names="A").start()
    assert [type(p).__name__ for p in stage.payloads()] == [
        "Proposal",
        "Prepare",
        "Commit",
    ]
    assert len(stage.committed) == 1


def test_an_answer_to_another_height_is_ignored() -> None:
    stage = Stage("A", answers=False).start()
    later = block("A", parent=BLOCK.header)
    stage.obtained(later)
    assert stage.asked(BuildBlock) == [BuildBlock(1, 0)]
    assert stage.payloads() == []
