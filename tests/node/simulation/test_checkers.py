"""Each checker objects to what it is there for, planted into an honest history."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.chain.signing import MessageCode
from node.consensus.messages import (
    Commit,
    CommitMessage,
    PrepareMessage,
    RoundChange,
    RoundChangeMessage,
)
from node.primitives.keccak import keccak256
from node.simulation.checkers.verdict import Verdict, verdict_of
from node.simulation.history import Doubled, Ended, History, Signed
from node.simulation.machine.keys import address_of
from node.simulation.plan import plan_of
from node.simulation.run import simulate_with
from node.simulation.world import World
from tests.node.simulation.test_crash_points import SCRIPT

OTHER = keccak256(b"another block")


@pytest.fixture(scope="module")
def world() -> World:
    """An honest run; every test works on a copy of its history."""
    held: list[World] = []
    outcome = simulate_with(SCRIPT, held.append)
    assert outcome.verdict.is_clean
    return held[0]


def judged(world: World, change: Callable[[History], None]) -> Verdict:
    """The verdict on a changed copy of the history."""
    original = world.history
    world.history = replace(
        original,
        signed=list(original.signed),
        finals=list(original.finals),
        ended=[],
        acknowledged=dict(original.acknowledged),
        resumed_ms=dict(original.resumed_ms),
        doubled=dict(original.doubled),
    )
    change(world.history)
    try:
        return verdict_of(world)
    finally:
        world.history = original


def expect(verdict: Verdict, word: str) -> None:
    assert any(finding.startswith(word) for finding in verdict.findings), verdict


def test_an_honest_history_is_clean(world: World) -> None:
    assert judged(world, lambda _: None).is_clean


def test_two_blocks_at_one_height(world: World) -> None:
    def change(history: History) -> None:
        final = history.finals[-1]
        header = replace(final.block.header, timestamp=1)
        block = replace(final.block, header=header)
        history.finals[-1] = replace(final, block=block)

    expect(judged(world, change), "agreement")


def test_a_certificate_without_a_quorum(world: World) -> None:
    def change(history: History) -> None:
        for at, final in enumerate(history.finals):
            thin = replace(final.certificate, seals=final.certificate.seals[:2])
            block = replace(final.block, certificate=thin.encode())
            history.finals[at] = replace(final, certificate=thin, block=block)

    expect(judged(world, change), "validity")


def test_an_acknowledged_transaction_that_is_nowhere(world: World) -> None:
    def change(history: History) -> None:
        history.acknowledged[OTHER] = "A"

    expect(judged(world, change), "exactly once")


def find(history: History, kind: type) -> tuple[int, Signed]:
    """The last message of a kind that was signed, and where."""
    found = [
        (at, fact)
        for at, fact in enumerate(history.signed)
        if isinstance(fact.message, kind)
    ]
    return found[-1]


def test_two_payloads_for_one_place(world: World) -> None:
    def change(history: History) -> None:
        _, fact = find(history, CommitMessage)
        payload = fact.message.signed.payload
        assert isinstance(payload, Commit)
        signed = replace(fact.message.signed, payload=replace(payload, digest=OTHER))
        message = CommitMessage(signed)  # type: ignore[arg-type]
        history.signed.append(replace(fact, message=message))

    expect(judged(world, change), "contradiction")


def test_a_forgotten_lock(world: World) -> None:
    def change(history: History) -> None:
        _, fact = find(history, CommitMessage)
        payload = RoundChange(fact.message.signed.payload.height, 1)
        signed = replace(fact.message.signed, payload=payload)  # type: ignore[arg-type]
        message = RoundChangeMessage(signed)  # type: ignore[arg-type]
        history.signed.append(replace(fact, message=message))

    expect(judged(world, change), "lock")


def test_a_prepare_without_a_proposal(world: World) -> None:
    def change(history: History) -> None:
        _, fact = find(history, PrepareMessage)
        payload = replace(fact.message.signed.payload, round=3)
        signed = replace(fact.message.signed, payload=payload)  # type: ignore[arg-type]
        message = PrepareMessage(signed)  # type: ignore[arg-type]
        history.signed.append(replace(fact, message=message))

    expect(judged(world, change), "justification")


@pytest.mark.parametrize("missing", ["is_logged", "has_body"])
def test_a_message_that_left_too_early(world: World, missing: str) -> None:
    def change(history: History) -> None:
        at, fact = find(history, CommitMessage)
        history.signed[at] = replace(fact, **{missing: False})

    expect(judged(world, change), "durability")


def test_a_host_that_does_not_go_on(world: World) -> None:
    expect(judged(world, lambda history: history.resumed_ms.pop("B")), "liveness")


def test_a_node_that_ends_by_itself(world: World) -> None:
    def change(history: History) -> None:
        history.ended.append(Ended(1, "C", ValueError("a bug")))

    expect(judged(world, change), "ending")


def test_a_double_signature_that_was_seen_and_not_kept(world: World) -> None:
    def change(history: History) -> None:
        seen = Doubled("A", address_of("B"), int(MessageCode.COMMIT), 3)
        history.doubled[seen] = history.healed_ms

    expect(judged(world, change), "evidence: A saw two payloads of kind 2 at height 3")


def test_liars_are_not_judged() -> None:
    plan = plan_of(14)
    assert plan.liars
    name = plan.liars[0][0]

    def contradict(world: World) -> None:
        world.history.ended.append(Ended(1, name, ValueError("a lie")))

    outcome = simulate_with(plan, contradict)
    assert not [f for f in outcome.verdict.findings if f.startswith("ending")]
