"""The one loop: drain events, step the engine, persist once, then perform in order.

Of all effects of one drain, what must be durable is written first and together (one
fsync of the safety log, after the bodies of prepared blocks); only then is anything
signed or sent. A message of our own is stepped before any other event. On a full disk
the loop waits here, so that nothing is signed, while reads go on elsewhere; events of
peers beyond MAX_QUEUED are dropped meanwhile, and come again by resending.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from node.consensus import codec
from node.consensus.effects import (
    Broadcast,
    CancelTimer,
    Effect,
    ForbidSigning,
    Halt,
    PersistBody,
    PersistSafetyRecord,
    ReportPeer,
    SendTo,
    SetTimer,
    SignAndBroadcast,
)
from node.consensus.events import Event, MessageReceived, TimerFired, TimerKind
from node.consensus.messages import Draft, ProposalDraft
from node.consensus.safety import SafetyRecord
from node.driver.background import Alarm
from node.driver.context import Context
from node.driver.event_log import entry_of
from node.primitives.types import Hash32

MAX_QUEUED = 10_000
PERSISTED = (PersistSafetyRecord, PersistBody, ForbidSigning)


class Steps(Protocol):
    """The engine, as far as the loop needs it."""

    def step(self, event: Event) -> list[Effect]: ...


class RefusedForSafety(Exception):
    """The node must not go on: it, or more than f others, contradict the protocol."""

    exit_code = 3


class EngineLoop:
    """Owns the engine's events; `handlers` perform what takes time."""

    def __init__(
        self,
        engine: Steps,
        context: Context,
        handlers: Mapping[type[Effect], Callable[[Any], None]],
        on_records: Callable[[Sequence[SafetyRecord]], None],
    ) -> None:
        self.engine = engine
        self._context = context
        self._handlers: dict[type[Effect], Callable[[Any], None]] = {
            **handlers,
            Broadcast: self._broadcast,
            SendTo: self._send,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            ReportPeer: self._report,
            Halt: self._halt,
        }
        self._on_records = on_records
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._timers: dict[TimerKind, Alarm] = {}
        self._due: dict[TimerKind, SetTimer] = {}
        self.dropped_events = 0

    def post(self, event: Event) -> None:
        """Queue an event. Those of peers are dropped when too many wait."""
        if len(self._events) >= MAX_QUEUED and isinstance(event, MessageReceived):
            self.dropped_events += 1
            return
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self) -> None:
        """For ever. Raises StorageFailed, RefusedForSafety."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._events:
                self._waiter = loop.create_future()
                await self._waiter
            batch = list(self._events)
            self._events.clear()
            while batch:
                effects = [e for event in batch for e in self._step(event)]
                effects = self._without_superseded(effects)
                if not effects:
                    break
                await self._persist(effects)
                batch = self._perform(effects)

    def _step(self, event: Event) -> list[Effect]:
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        effects = self.engine.step(event)
        self._context.measures.stepped(type(event).__name__, now_s() - began_s)
        record = self._context.ports.on_event
        if record is not None:
            for item in (event, *effects):
                record(entry_of(item))
        return effects

    def _without_superseded(self, effects: list[Effect]) -> list[Effect]:
        """Leave out votes of a height where another block is final already.

        Sync may bring that block while effects wait for the disk. Nobody needs those
        votes any more, and the body that one of them would need is let go.
        """
        superseded = [
            effect.height
            for effect in effects
            if isinstance(effect, PersistBody) and self._is_superseded(effect)
        ]
        if not superseded:
            return effects
        return [e for e in effects if _height_of_vote(e) not in superseded]

    def _is_superseded(self, effect: PersistBody) -> bool:
        final = self._context.ports.store.header_at(effect.height)
        return final is not None and final.digest != effect.digest

    async def _persist(self, effects: Sequence[Effect]) -> None:
        """Make durable what later effects depend on. Raises StorageFailed."""
        ports = self._context.ports
        records = [e.record for e in effects if isinstance(e, PersistSafetyRecord)]
        wanted = [self._body(e) for e in effects if isinstance(e, PersistBody)]
        bodies = [body for body in wanted if body is not None]
        bans = [e.height for e in effects if isinstance(e, ForbidSigning)]
        if not ports.safety.load().can_sign:
            bans = []  # nothing is signed anyway, and there is no log to say so in
        if not (records or bodies or bans):
            return
        # Before the write: a write that fails half-way may have reached the disk.
        self._on_records(records)

        def work() -> None:
            for height, digest, block in bodies:
                ports.store.put_body(height, digest, block)
            if bans:
                ports.safety.forbid(max(bans))
            if records:
                ports.safety.append(records)

        await self._context.write(work)

    def _body(self, effect: PersistBody) -> tuple[int, Hash32, bytes] | None:
        """What must become durable; None when sync made the block final meanwhile."""
        bodies, store = self._context.bodies, self._context.ports.store
        bodies.pin(effect.digest)
        body = bodies.get(effect.digest)
        block = body.block if body else store.body(effect.digest)
        if block is None and store.height_of(effect.digest) == effect.height:
            return None
        if block is None:
            raise RefusedForSafety(
                f"the body of block {effect.height} 0x{effect.digest.hex()} is not "
                "here, so this node cannot commit to it"
            )
        return effect.height, effect.digest, block

    def _perform(self, effects: Sequence[Effect]) -> list[Event]:
        """Perform in order; returns our own messages, to be stepped first."""
        own: list[Event] = []
        for effect in effects:
            if isinstance(effect, SignAndBroadcast):
                own.append(self._sign(effect.draft))
            elif not isinstance(effect, PERSISTED):
                self._handlers[type(effect)](effect)
        return own

    def _sign(self, draft: Draft) -> MessageReceived:
        context = self._context
        if isinstance(draft, ProposalDraft):
            draft = self._with_true_reference(draft)
        message = codec.sign_draft(draft, context.domain, context.ports.signer)
        context.ports.network.broadcast(message)
        return MessageReceived(context.now_ms, None, message)

    def _with_true_reference(self, draft: ProposalDraft) -> ProposalDraft:
        """Transaction hashes are not signed: take those of the body held here."""
        body = self._context.bodies.get(draft.payload.digest)
        if body is None or body.reference == draft.block:
            return draft
        return ProposalDraft(
            draft.payload, body.reference, draft.round_changes, draft.prepares
        )

    def _broadcast(self, effect: Broadcast) -> None:
        self._context.ports.network.broadcast(effect.message)

    def _send(self, effect: SendTo) -> None:
        self._context.ports.network.send(effect.peer, effect.message)

    def _report(self, effect: ReportPeer) -> None:
        self._context.ports.network.report(effect.peer, effect.reason)

    def _halt(self, effect: Halt) -> None:
        raise RefusedForSafety(effect.reason)

    def _set_timer(self, effect: SetTimer) -> None:
        kind = effect.kind
        if kind is TimerKind.ROUND:
            measures, now_ms = self._context.measures, self._context.now_ms
            measures.entered(effect.height, effect.round, now_ms)
        if kind not in self._timers:
            clock = self._context.ports.clock
            self._timers[kind] = Alarm(clock, lambda: self._on_due(kind))
        self._due[kind] = effect
        self._timers[kind].set(effect.deadline_ms)

    def _cancel_timer(self, effect: CancelTimer) -> None:
        if effect.kind in self._timers:
            self._timers[effect.kind].set(None)

    def _on_due(self, kind: TimerKind) -> None:
        due = self._due[kind]
        self.post(TimerFired(self._context.now_ms, kind, due.height, due.round))

    def close(self) -> None:
        """Let no timer fire any more."""
        for alarm in self._timers.values():
            alarm.set(None)


def _height_of_vote(effect: Effect) -> int | None:
    """The height of an effect that belongs to a vote of our own."""
    match effect:
        case PersistBody(height=height):
            return height
        case PersistSafetyRecord(record=record):
            return record.height
        case SignAndBroadcast(draft=draft):
            return draft.payload.height
        case _:
            return None
