"""Evidence: what is kept is true, and what was seen of a double signature is kept.

`Watch` stands between a host's loop and its engine and writes down a second time which
double signatures that engine saw: two different payloads of one kind and round by one
validator, both stepped at their height while it was open. Each must be on the host's
disk in the end, unless the host crashed before it could be. ROUND_CHANGEs are left out:
an engine keeps the latest alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from node.chain.signing import SigningDomain
from node.consensus.codec import EvidenceInvalid, verify_evidence
from node.consensus.effects import Effect
from node.consensus.engine import Engine
from node.consensus.events import Event, MessageReceived
from node.consensus.message_log import ROUNDS_KEPT
from node.consensus.messages import Evidence, Message, RoundChange
from node.consensus.round_state import HeightState, Phase
from node.primitives.types import Address, Hash32
from node.simulation.history import Doubled, History
from node.simulation.machine.keys import SimulatedVerifier, name_of


class Watch:
    """`node.driver.loop.Steps`: the engine of one life of one host, looked at."""

    def __init__(
        self,
        engine: Engine,
        host: str,
        suspects: Sequence[Address],
        history: History,
    ) -> None:
        """`suspects` are others whose keys may sign twice."""
        self._engine = engine
        self._host = host
        self._suspects = dict.fromkeys(suspects)
        self._history = history
        self._state: HeightState | None = None
        self._first: dict[tuple[Address, int, int], Hash32] = {}
        self._crowded: dict[tuple[Address, int], None] = {}

    def step(self, event: Event) -> list[Effect]:
        """The engine's step."""
        if isinstance(event, MessageReceived):
            message = event.message
            if message.signed.author in self._suspects:
                self._look(message)
        return self._engine.step(event)

    def _look(self, message: Message) -> None:
        height, payload = self._engine._height, message.signed.payload
        if height is None or isinstance(payload, RoundChange):
            return
        state, author = height.state, message.signed.author
        if payload.height != state.height or state.phase is Phase.FINAL:
            return
        if author not in state.validators:
            return
        if state is not self._state:
            self._state = state
            self._first, self._crowded = {}, {}
        kind = int(payload.code)
        # Beyond ROUNDS_KEPT the oldest round makes room: no promise about any.
        if len(_kept(state, kind).get(author, {})) >= ROUNDS_KEPT:
            self._crowded[author, kind] = None
        first = self._first.setdefault((author, kind, payload.round), payload.digest)
        if first != payload.digest and (author, kind) not in self._crowded:
            seen = Doubled(self._host, author, kind, payload.height)
            self._history.doubled.setdefault(seen, self._history.now_ms())


def _kept(state: HeightState, kind: int) -> Mapping[Address, Mapping[int, Any]]:
    log = state.log
    return (log._proposals, log._prepares, log._commits)[kind]


def forget_unkept(history: History, host: str, kept: Iterable[Evidence]) -> None:
    """The host is down: what was not on its disk may be lost."""
    found = dict.fromkeys(_doubled(host, evidence) for evidence in kept)
    for seen in [s for s in history.doubled if s.host == host and s not in found]:
        del history.doubled[seen]


def true_evidence(
    host: str, kept: Iterable[Evidence], domain: SigningDomain, guilty: Iterable[str]
) -> Iterator[str]:
    """What an honest host keeps is proven, and accuses nobody honest."""
    names = tuple(guilty)
    for found in kept:
        accused = name_of(found.first.author)
        try:
            verify_evidence(found, domain, SimulatedVerifier())
        except EvidenceInvalid as error:
            yield f"evidence: {host} keeps what proves nothing: {error}"
        if accused not in names:
            yield f"evidence: {host} accuses {accused}, who is honest"


def whole_evidence(
    history: History, host: str, kept: Iterable[Evidence]
) -> Iterator[str]:
    """What a host saw before the healing it has had the time to keep."""
    found = dict.fromkeys(_doubled(host, evidence) for evidence in kept)
    for seen, at_ms in history.doubled.items():
        if seen.host == host and at_ms <= history.healed_ms and seen not in found:
            place = f"two payloads of kind {seen.kind} at height {seen.height}"
            yield f"evidence: {host} saw {place} by {name_of(seen.author)}, keeps none"


def _doubled(host: str, evidence: Evidence) -> Doubled:
    payload = evidence.first.payload
    return Doubled(host, evidence.first.author, int(payload.code), payload.height)
