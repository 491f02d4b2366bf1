"""Catching up trusts nobody, asks on, and stays within its limits."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from node.chain.block import Block
from node.primitives.types import Address
from node.sync import catch_up
from node.sync.catch_up import Apply, Ask, Blame, CatchUp, SyncEffect, SyncLimits
from node.sync.messages import MAX_BLOCKS_PER_ANSWER, Blocks
from node.sync.verification import body_matches
from tests.node.storage.samples import GENESIS
from tests.node.sync.chains import CHECKS, FIRST, LATER, Link, chain, seal, set_of

LIMITS = SyncLimits(grace_ms=300, timeout_ms=3_000, backoff_ms=1_000)
PEERS = [Address(bytes([n]) * 20) for n in range(1, 7)]


class World:
    """A machine, peers that hold chains, and a clock."""

    def __init__(self) -> None:
        first = set_of(FIRST)
        self.machine = CatchUp(GENESIS, first, CHECKS, LIMITS)
        self.now_ms = 0
        self.chains: dict[Address, list[Link]] = {}
        self.silent: set[Address] = set()
        self.blamed: list[tuple[Address, str]] = []
        self.applied: list[Link] = []
        self.asked: list[Ask] = []
        self.truth: list[Link] = []

    def announce(self, peer: Address, links: list[Link]) -> None:
        self.chains[peer] = links
        self.perform(self.machine.on_status(peer, len(links), self.now_ms))

    def perform(self, effects: list[SyncEffect]) -> None:
        """Answer asks and apply blocks until nothing is left to do."""
        waiting = list(effects)
        while waiting:
            effect = waiting.pop(0)
            if isinstance(effect, Ask):
                self.asked.append(effect)
                waiting += self.answer(effect)
            elif isinstance(effect, Apply):
                waiting += self.apply(effect)
            else:
                self.blamed.append((effect.peer, effect.reason))

    def answer(self, ask: Ask) -> list[SyncEffect]:
        if ask.peer in self.silent:
            return []
        first, count = ask.request.first, ask.request.count
        links = self.chains[ask.peer][first - 1 : first - 1 + count]
        blocks = Blocks(ask.request.request_id, tuple(link.pair for link in links))
        return self.machine.on_blocks(ask.peer, blocks, self.now_ms)

    def apply(self, effect: Apply) -> list[SyncEffect]:
        block = effect.certified.block
        if not body_matches(block):
            return self.machine.on_apply_failed("forged body", self.now_ms)
        link = self.truth[block.header.number - 1]
        assert link.header == block.header
        self.applied.append(link)
        return self.machine.on_head(link.header, link.validators, self.now_ms)

    def wait(self, until_ms: int) -> None:
        """Let time pass, ringing at every deadline."""
        while True:
            deadline = self.machine.deadline_ms()
            if deadline is None or deadline > until_ms:
                break
            self.now_ms = max(self.now_ms, deadline)
            self.perform(self.machine.on_tick(self.now_ms))
        self.now_ms = until_ms

    @property
    def height(self) -> int:
        return self.machine.head.number


@pytest.fixture(scope="module")
def links() -> list[Link]:
    return chain(40)


@pytest.fixture
def world(links: list[Link]) -> World:
    made = World()
    made.truth = links
    return made


def test_nothing_is_asked_while_nobody_is_ahead(world: World) -> None:
    world.announce(PEERS[0], [])
    world.wait(60_000)
    assert world.asked == []
    assert world.machine.deadline_ms() is None


def test_a_peer_that_is_ahead_for_long_is_asked_and_its_blocks_applied_in_order(
    world: World, links: list[Link]
) -> None:
    world.announce(PEERS[0], links)
    assert world.asked == []
    world.wait(LIMITS.grace_ms)
    assert world.applied == links
    assert world.blamed == []
    assert not world.machine.is_active


def test_consensus_that_keeps_up_is_left_alone(world: World, links: list[Link]) -> None:
    """In normal running somebody is always one block ahead for a moment."""
    for link in links[:10]:
        world.announce(PEERS[0], links[: link.header.number])
        world.wait(world.now_ms + LIMITS.grace_ms - 1)
        effects = world.machine.on_head(link.header, link.validators, world.now_ms)
        world.perform(effects)
    assert world.asked == []


def test_ranges_are_asked_of_several_peers_at_once(world: World) -> None:
    world.truth = long = chain(MAX_BLOCKS_PER_ANSWER + 5)
    world.silent = set(PEERS)
    for peer in PEERS[:3]:
        world.announce(peer, long)
    world.wait(LIMITS.grace_ms)
    asked = [(a.request.first, a.request.count) for a in world.asked]
    assert asked == [(1, MAX_BLOCKS_PER_ANSWER), (MAX_BLOCKS_PER_ANSWER + 1, 5)]
    assert world.asked[0].peer != world.asked[1].peer


def test_requests_and_buffers_stay_within_their_limits(
    world: World, links: list[Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "MAX_BLOCKS_PER_ANSWER", 2)
    monkeypatch.setattr(catch_up, "MAX_BUFFERED_BLOCKS", 6)
    world.silent = set(PEERS)
    for peer in PEERS:
        world.announce(peer, links)
    world.wait(LIMITS.grace_ms)
    assert len(world.asked) == 3  # six blocks
    monkeypatch.setattr(catch_up, "MAX_BUFFERED_BLOCKS", 600)
    monkeypatch.setattr(catch_up, "MAX_IN_FLIGHT", 4)
    world.perform(world.machine.on_status(PEERS[0], 40, world.now_ms))
    assert len(world.asked) == 4


def test_a_silent_peer_is_blamed_and_another_asked(
    world: World, links: list[Link]
) -> None:
    world.silent = {PEERS[0]}
    world.announce(PEERS[0], links)
    world.wait(LIMITS.grace_ms)
    world.announce(PEERS[1], links)
    world.wait(LIMITS.grace_ms + LIMITS.timeout_ms)
    assert world.blamed == [(PEERS[0], "no answer to a block request")]
    assert world.applied == links


def test_a_request_is_overdue_also_when_another_event_came_first(
    world: World, links: list[Link]
) -> None:
    """A status at the very moment of the deadline must not hide it."""
    world.silent = {PEERS[0]}
    world.announce(PEERS[0], links)
    world.wait(LIMITS.grace_ms)
    world.now_ms += LIMITS.timeout_ms
    world.announce(PEERS[0], links)
    assert world.machine.deadline_ms() == world.now_ms
    world.announce(PEERS[1], links)
    world.wait(world.now_ms)
    assert (PEERS[0], "no answer to a block request") in world.blamed
    assert world.height == len(links)


def test_a_peer_that_goes_away_is_replaced(world: World, links: list[Link]) -> None:
    world.silent = {PEERS[0]}
    world.announce(PEERS[0], links)
    world.wait(LIMITS.grace_ms)
    world.perform(world.machine.on_disconnected(PEERS[0], world.now_ms))
    world.announce(PEERS[1], links)
    world.wait(world.now_ms + LIMITS.grace_ms)
    assert world.applied == links


def test_claims_without_blocks_count_for_nothing(
    world: World, links: list[Link]
) -> None:
    world.chains[PEERS[0]] = []
    world.perform(world.machine.on_status(PEERS[0], 10**18, 0))
    world.wait(LIMITS.grace_ms)
    assert world.blamed == [(PEERS[0], "it has no blocks that it claims")]
    assert world.machine.target == 0
    world.announce(PEERS[1], links)
    world.wait(world.now_ms + LIMITS.grace_ms)
    assert world.applied == links


def lie(links: list[Link], at: int, block: bytes, certificate: bytes) -> list[Link]:
    told = list(links)
    true = links[at]
    told[at] = Link(true.header, block, certificate, true.validators)
    return told


def lies(links: list[Link]) -> dict[str, list[Link]]:
    """Chains with one block that is not what it must be."""
    at, height = 10, 11
    true = links[at]
    other = Block(true.header, (b"\x02another",)).encode()
    header = replace(true.header, timestamp=true.header.timestamp + 1)
    forged = Block(header, (b"\x02transaction %d" % height,)).encode()
    sealed = seal(height, true.header.digest, FIRST[:2])
    stranger = seal(height, true.header.digest, [*FIRST[:2], LATER[-1]])
    twice = seal(height, true.header.digest, [FIRST[0], FIRST[0], FIRST[1]])
    return {
        "too few seals": lie(links, at, true.block, sealed),
        "a stranger's seal": lie(links, at, true.block, stranger),
        "one seal twice": lie(links, at, true.block, twice),
        "another height's seals": lie(links, at, true.block, links[9].certificate),
        "another height's block": lie(links, at, *links[9].pair),
        "another block under the true seals": lie(links, at, forged, true.certificate),
        "no block": lie(links, at, b"\xc0", true.certificate),
        "no certificate": lie(links, at, true.block, b""),
        "a forged body": lie(links, at, other, true.certificate),
    }


@pytest.mark.parametrize("name", list(lies(chain(12))))
def test_a_lying_peer_is_blamed_and_the_truth_comes_from_another(
    world: World, links: list[Link], name: str
) -> None:
    world.announce(PEERS[0], lies(links)[name])
    world.wait(LIMITS.grace_ms)
    assert [peer for peer, _ in world.blamed] == [PEERS[0]]
    assert world.height == 10
    world.announce(PEERS[1], links)
    world.wait(world.now_ms + LIMITS.grace_ms)
    assert world.applied == links
    assert [peer for peer, _ in world.blamed] == [PEERS[0]]


def test_nothing_more_of_a_liar_is_used(world: World, links: list[Link]) -> None:
    told = lies(links)["too few seals"]
    world.announce(PEERS[0], told)
    world.wait(LIMITS.grace_ms)
    assert world.height == 10
    assert world.machine._buffer == {}


def test_each_block_is_checked_against_the_set_its_parent_gave(world: World) -> None:
    world.truth = changing = chain(12, change_at=6)
    world.announce(PEERS[0], changing)
    world.wait(LIMITS.grace_ms)
    assert world.applied == changing
    assert world.machine.validators == set_of(LATER)


def test_seals_of_a_former_set_are_refused(world: World) -> None:
    world.truth = changing = chain(12, change_at=6)
    stale = seal(7, changing[6].header.digest, FIRST[:3])
    world.announce(PEERS[0], lie(changing, 6, changing[6].block, stale))
    world.wait(LIMITS.grace_ms)
    assert world.height == 6
    assert len(world.blamed) == 1


def test_a_peer_that_failed_rests_longer_each_time(world: World) -> None:
    world.chains[PEERS[0]] = []
    asked_at = []
    for now_ms in range(0, 20_000, 100):
        world.now_ms = now_ms
        world.perform(world.machine.on_status(PEERS[0], 5, now_ms))
        world.perform(world.machine.on_tick(now_ms))
        if len(world.asked) > len(asked_at):
            asked_at.append(now_ms)
    waits = [b - a for a, b in pairwise(asked_at)]
    assert len(waits) >= 3
    assert waits == sorted(waits)
    assert waits[-1] >= 2 * waits[0]


def test_unasked_and_late_answers_are_ignored(world: World, links: list[Link]) -> None:
    world.silent = {PEERS[0]}
    world.announce(PEERS[0], links)
    stray = Blocks(99, (links[0].pair,))
    assert world.machine.on_blocks(PEERS[0], stray, 0) == []
    assert world.machine.on_blocks(PEERS[1], stray, 0) == []
    world.wait(LIMITS.grace_ms)
    request = world.asked[0].request
    world.wait(LIMITS.grace_ms + LIMITS.timeout_ms)
    late = Blocks(request.request_id, (links[0].pair,))
    assert world.machine.on_blocks(PEERS[0], late, world.now_ms) == []
    assert world.height == 0


def test_more_blocks_than_asked_are_cut_off(world: World, links: list[Link]) -> None:
    world.silent = {PEERS[0]}
    world.announce(PEERS[0], links[:3])
    world.wait(LIMITS.grace_ms)
    request = world.asked[0].request
    answer = Blocks(request.request_id, tuple(link.pair for link in links))
    world.perform(world.machine.on_blocks(PEERS[0], answer, world.now_ms))
    assert world.height == 3


def test_the_number_of_peers_is_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "MAX_PEERS", 2)
    for peer in PEERS:
        world.machine.on_status(peer, 0, 0)
    assert len(world.machine._peers) == 2


@pytest.mark.parametrize("seed", range(20))
def test_any_mix_of_peers_with_one_honest_ends_at_the_head(
    links: list[Link], seed: int
) -> None:
    rng = random.Random(seed)
    world = World()
    world.truth = links
    bad = list(lies(links).values())
    world.silent = {PEERS[0]}
    for peer in PEERS[:-1]:
        world.announce(peer, rng.choice([*bad, links[: rng.randrange(40)]]))
        world.wait(world.now_ms + rng.randrange(400))
    for _ in range(40):
        for peer in PEERS:
            world.announce(peer, links if peer == PEERS[-1] else world.chains[peer])
        world.wait(world.now_ms + 1_000)
    assert world.applied == links
    assert PEERS[-1] not in [peer for peer, _ in world.blamed]


def test_effects_are_the_only_outcome(world: World) -> None:
    kinds = {Ask, Apply, Blame}
    effects = world.machine.on_status(PEERS[0], 1, 0)
    assert all(type(effect) in kinds for effect in effects)
