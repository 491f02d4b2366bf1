"""The known traps of QBFT implementations, each with a test."""

from dataclasses import replace

from node.consensus.effects import BuildBlock
from node.consensus.events import TimerKind
from node.consensus.message_log import (
    FUTURE_MESSAGES_PER_PEER,
    FUTURE_PROPOSALS_PER_PEER,
)
from node.consensus.messages import Commit, Prepare, Proposal, RoundChange
from node.consensus.round_state import MAX_KNOWN_BLOCKS
from tests.node.consensus.cluster import Cluster
from tests.node.consensus.stage import CONFIG, Stage, peers
from tests.node.consensus.world import block, round_changes, validators

A, B, C, D = peers("ABCD")
BLOCK = block("A", "good")
DIGEST = BLOCK.digest
CAP_MS = CONFIG.timeout_ms(64)


def advance(cluster: Cluster, duration_ms: int) -> None:
    """Let a healing cluster run for so long."""
    until_ms = cluster.now_ms + duration_ms
    while cluster.now_ms < until_ms:
        cluster.tick()


def outage(alive: str, duration_ms: int) -> Cluster:
    """Height 1 is begun, and then only these live for a while, without a quorum."""
    cluster = Cluster("ABCD", seed=1)
    cluster.begin_healing()
    for name in "ABCD":
        if name not in alive:
            cluster.crash(name)
    cluster.announce()
    advance(cluster, duration_ms)
    assert cluster.final == {}
    return cluster


def test_validators_spread_over_rounds_meet_within_the_bound_of_capped_timers() -> None:
    """Trap: one waits 4096 s in its round while the others wait in theirs.

    A waits alone for an hour, B comes back far below it, then C: A's rounds are out of
    reach of the f+1 rule, and D never comes back.
    """
    cluster = outage("A", 3_600_000)
    assert cluster.round_of("A") > 400
    cluster.start("B")
    advance(cluster, 5_000)
    assert cluster.round_of("B") < 10
    returned_ms = cluster.now_ms
    cluster.start("C")
    cluster.run_to_height(1)
    assert cluster.now_ms - returned_ms <= 2 * CAP_MS + 1_000


def test_recovery_takes_base_timers_however_long_the_outage_was() -> None:
    """Less than 5 s at default timers, though the rounds' own timers are at 16 s."""
    for minutes in (1, 10, 60):
        for returning in "CD":
            cluster = outage("AB", minutes * 60_000)
            returned_ms = cluster.now_ms
            cluster.start(returning)
            cluster.run_to_height(1)
            assert cluster.now_ms - returned_ms < 2.5 * CONFIG.round_timeout_ms


def test_a_capped_timer_never_overflows_into_a_storm_of_round_changes() -> None:
    stage = Stage("B").start()
    for _ in range(200):
        stage.fire(TimerKind.ROUND)
    assert stage.timeout_ms() == CAP_MS
    stage.receive(*(peer.round_change(2**62) for peer in (A, C)))
    assert (stage.round, stage.timeout_ms()) == (2**62, CONFIG.round_timeout_ms)


def test_an_hour_without_quorum_sends_a_bounded_number_of_messages() -> None:
    cluster = outage("AB", 3_600_000)
    resent = 3_600_000 // replace(CONFIG).resend_ms
    assert len(cluster.signed) < 2 * (3_600_000 // CAP_MS + 10)
    assert cluster.sent < 6 * (resent + 3_600_000 // CAP_MS + 10)


def test_unbounded_rounds_do_not_eat_memory() -> None:
    """What one engine holds after many rounds of everybody is what it held before."""
    stage = Stage("A").start()
    sizes = []
    for round_ in range(1, 600):
        digest = block("B", str(round_)).digest
        for peer in (B, C, D):
            stage.receive(
                peer.round_change(round_),
                peer.prepare(round_, digest),
                peer.commit(round_, block("A", peer.name + str(round_)).digest),
            )
        stage.clear()
        stage.records.clear()
        stage.signed.clear()
        if round_ in (50, 599):
            sizes.append(held_objects(stage))
    assert sizes[1] <= sizes[0] + 20


def held_objects(stage: Stage) -> int:
    """Objects that the engine reaches through its own attributes and containers."""
    seen: dict[int, object] = {}
    waiting: list[object] = [stage.engine]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, bytes | int | str | type):
            continue
        seen[id(item)] = item
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            waiting += item
        else:
            slots = getattr(type(item), "__slots__", ())
            waiting += [getattr(item, name, None) for name in slots]
            waiting += vars(item).values() if hasattr(item, "__dict__") else []
    return len(seen)


def test_proposals_of_endless_rounds_are_not_all_remembered() -> None:
    stage = Stage("D").begin()
    for round_ in range(1, 80):
        proposer = peers("ABCD")[round_ % 4]
        if proposer.name != "D":
            fresh = block(proposer.name, str(round_))
            changes = round_changes("ABC", round_)
            stage.receive(proposer.proposal(round_, fresh, changes))
    height = stage.engine._height
    assert height is not None
    assert stage.round == 78
    assert len(height.state.blocks) == MAX_KNOWN_BLOCKS
    assert len(height.state.valid) <= MAX_KNOWN_BLOCKS


def test_a_flood_of_future_heights_is_bounded() -> None:
    stage = Stage("B").begin()
    for height in range(2, 500):
        stage.receive(C.round_change(1, height=height))
        parent = block("A", str(height)).header
        stage.receive(C.proposal(0, block("C", parent=parent)))
    bound = FUTURE_MESSAGES_PER_PEER + FUTURE_PROPOSALS_PER_PEER
    assert len(stage.engine._future) == bound
    assert stage.payloads() == []


def test_the_proposer_does_not_skip_its_own_validation() -> None:
    """Trap: it prepares what everybody else refuses, and does so for ever."""
    stage = Stage("A", answers=False).start().built(BLOCK)
    assert stage.payloads() == [Proposal(1, 0, DIGEST)]
    stage.validated(DIGEST, valid=False)
    assert stage.payloads() == [Proposal(1, 0, DIGEST)]
    stage.fire(TimerKind.ROUND)
    assert stage.payloads()[-1] == RoundChange(1, 1)


def test_building_that_takes_longer_than_the_round_costs_the_round_alone() -> None:
    """Trap: a selection budget longer than the block period."""
    stage = Stage("A", answers=False).start()
    stage.fire(TimerKind.ROUND).built(BLOCK)
    assert stage.payloads() == [RoundChange(1, 1)]
    stage.receive(*(peer.round_change(4) for peer in (B, C, D)))
    (_, later) = stage.asked(BuildBlock)
    assert isinstance(later, BuildBlock)
    assert (later.round, later.halvings) == (4, 3)


def test_transactions_do_not_starve_empty_blocks_nor_the_other_way_round() -> None:
    stage = Stage("A").begin()
    for now_ms in range(0, 5_000, 20):
        stage.now_ms = now_ms
        if stage.timers[TimerKind.START].deadline_ms <= now_ms:
            break
        stage.pending()
    assert now_ms == 100
    idle = Stage("A").begin()
    assert idle.fire(TimerKind.START).now_ms == 5_000
    assert isinstance(idle.payloads()[0], Proposal)


def test_repeated_round_changes_do_not_put_a_timeout_off() -> None:
    """Trap: every ROUND_CHANGE restarts the timer, and a liar sends them for ever."""
    stage = Stage("B").start().fire(TimerKind.ROUND)
    stage.receive(A.round_change(1), C.round_change(1))
    deadline_ms = stage.timers[TimerKind.ROUND].deadline_ms
    while stage.now_ms + 50 < deadline_ms:
        stage.now_ms += 50
        stage.receive(A.round_change(1), C.round_change(1), D.round_change(1))
        stage.receive(D.round_change(100 + stage.now_ms))
    assert stage.timers[TimerKind.ROUND].deadline_ms == deadline_ms


def test_a_quorum_that_needs_the_validator_that_is_behind_does_not_deadlock() -> None:
    """Trap: three are needed, the third is a height behind and waits for the two."""
    cluster = Cluster("ABCD", seed=3)
    cluster.begin_healing()
    cluster.announce()
    cluster.run_to_height(1)
    cluster.crash("D")
    cluster.announce()
    cluster.run_to_height(3)
    cluster.crash("A")
    cluster.announce()
    advance(cluster, 60_000)
    assert max(cluster.final) <= 4
    height, returned_ms = max(cluster.final), cluster.now_ms
    cluster.start("D")
    cluster.announce()
    cluster.run_to_height(height + 1)
    assert cluster.now_ms - returned_ms <= 2 * CAP_MS + 1_000


def test_f_liars_in_mixed_rounds_do_not_churn_the_proposers() -> None:
    """Trap: honest validators in several rounds, and a liar in a new one each time."""
    stage = Stage("A").begin().receive(B.round_change(1))
    for round_ in range(2, 100):
        stage.receive(D.round_change(round_))
    assert stage.round == 1
    stage.receive(C.round_change(2))
    assert stage.round == 2
    for round_ in range(100, 200):
        stage.receive(D.round_change(round_))
    assert stage.round == 2


def test_a_wall_clock_that_is_wrong_stops_nobody_but_its_owner() -> None:
    """Its verdicts hang on its clock: it prepares nothing, accuses nobody, follows."""
    stage = Stage("B", answers=False).start().receive(A.proposal(0, BLOCK))
    stage.validated(DIGEST, valid=False, depends_on_clock=True)
    stage.receive(*(peer.prepare(0, DIGEST) for peer in (A, C, D)))
    stage.receive(*(peer.commit(0, DIGEST) for peer in (A, C, D)))
    stage.validated(DIGEST, certified=True)
    assert stage.payloads() == []
    assert [found.digest for found in stage.committed] == [DIGEST]


def test_events_that_go_back_in_time_break_nothing() -> None:
    stage = Stage("B").start()
    stage.now_ms -= 80
    stage.receive(A.proposal(0, BLOCK), A.prepare(0, DIGEST), C.prepare(0, DIGEST))
    assert stage.payloads() == [Prepare(1, 0, DIGEST), Commit(1, 0, DIGEST)]


def test_a_set_that_changes_at_a_height_ignores_the_old_ones_messages() -> None:
    """D leaves with height 1; its ROUND_CHANGEs for height 2 still arrive."""
    stage = Stage("C").start()
    stage.receive(D.round_change(1, height=2), A.round_change(1, height=2))
    stage.begin(BLOCK.header, set_=validators("ABC")).clear()
    assert stage.round == 1  # f = 0 of three: one of them is enough to follow
    stage = Stage("C").start().receive(D.round_change(7, height=2))
    stage.begin(BLOCK.header, set_=validators("ABC"))
    assert stage.round == 0
    status = stage.engine.status()
    assert status is not None
    assert status.present == ()


def test_divergent_pools_do_not_push_the_others_onward() -> None:
    """One validator has a transaction that nobody else has, and times out alone."""
    cluster = Cluster("ABCD", seed=5)
    cluster.begin_healing()
    cluster.announce("C")
    advance(cluster, 4_000)
    assert [cluster.round_of(name) for name in "ABD"] == [0, 0, 0]
    assert cluster.round_of("C") > 0
    cluster.announce()
    cluster.run_to_height(1)
    assert cluster.now_ms < 4_000 + CONFIG.round_timeout_ms


def test_f_plus_one_that_know_a_transaction_bring_the_others_along() -> None:
    cluster = Cluster("ABCD", seed=5)
    cluster.begin_healing()
    cluster.announce("C")
    cluster.announce("D")
    cluster.run_to_height(1)
    assert cluster.now_ms < 2 * CONFIG.round_timeout_ms


def test_one_dead_validator_costs_little_once_it_is_known_to_be_dead() -> None:
    """At least 60 % of the healthy rate: no full timeout every third block."""

    def blocks(dead: str) -> int:
        cluster = Cluster("ABCD", seed=7)
        cluster.begin_healing()
        for name in dead:
            cluster.crash(name)
        cluster.always_pending = True
        cluster.announce()
        cluster.run_to_height(20)  # the suspicion has to grow first
        first, start_ms = max(cluster.final), cluster.now_ms
        advance(cluster, 60_000)
        assert cluster.now_ms >= start_ms + 60_000
        return max(cluster.final) - first

    assert blocks("B") >= 0.6 * blocks("")


def test_no_timer_is_ever_set_into_the_past() -> None:
    """It would fire in a loop."""
    stage = Stage("B").start()
    for _ in range(30):
        earliest = min(stage.timers.values(), key=lambda timer: timer.deadline_ms)
        stage.fire(earliest.kind)
        assert stage.timers
        assert all(t.deadline_ms > stage.now_ms for t in stage.timers.values())
