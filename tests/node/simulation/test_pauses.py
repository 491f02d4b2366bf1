"""A paused process does nothing; what waited for it comes in order when it goes on."""

import asyncio
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING

from node.simulation.machine.virtual_time import OWNER, VirtualLoop
from node.simulation.plan import Fault, Kind
from node.simulation.run import simulate_with
from tests.node.simulation.test_crash_points import SCRIPT
from tests.node.simulation.test_seeds import complaint

if TYPE_CHECKING:
    from node.simulation.world import World

PAUSED = Fault(2.0, 5.0, Kind.PAUSE, ("A",))


def test_callbacks_of_a_paused_process_wait_in_their_order() -> None:
    loop = VirtualLoop()
    owned = copy_context()
    owned.run(OWNER.set, "A")
    seen: list[tuple[str, float]] = []

    def note(what: str) -> None:
        seen.append((what, loop.time()))

    loop.call_at(1.0, loop.pause, "A")
    loop.call_at(3.0, note, "late", context=owned)
    loop.call_at(2.0, note, "early", context=owned)
    loop.call_at(2.5, note, "other")
    loop.call_at(4.0, loop.resume, "A")
    loop.run_until_complete(asyncio.wait_for(asyncio.sleep(5), 6))
    loop.close()
    assert seen == [("other", 2.5), ("early", 4.0), ("late", 4.0)]


def test_a_paused_host_neither_sends_nor_signs_nor_stores() -> None:
    held: list[World] = []
    outcome = simulate_with(replace(SCRIPT, faults=(PAUSED,)), held.append)
    assert not complaint(outcome)
    history = held[0].history
    facts = [s.at_ms for s in history.signed if s.host == "A"]
    facts += [f.at_ms for f in history.finals if f.host == "A"]
    facts += [int(line.split()[0]) for line in outcome.lines if " A  ->" in line]
    assert not [at_ms for at_ms in facts if 2_000 < at_ms < 5_000]
    assert [at_ms for at_ms in facts if at_ms >= 5_000]
    assert [f for f in history.finals if f.host != "A" and 2_500 < f.at_ms < 5_000]


def test_a_host_killed_while_it_is_paused_starts_again() -> None:
    kill = Fault(3.0, 4.0, Kind.KILL, ("A",))
    outcome = simulate_with(replace(SCRIPT, faults=(PAUSED, kill)), lambda _: None)
    assert not complaint(outcome)
    assert any("A  start 2" in line for line in outcome.lines)
