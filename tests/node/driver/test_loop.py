"""The loop persists before it signs, shares fsyncs, and steps own messages first."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from node.chain.header import Header
from node.chain.signing import MessageCode, Secp256k1Verifier
from node.chain.validators import ValidatorSet
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
    ValidateBlock,
)
from node.consensus.events import (
    Event,
    MessageReceived,
    PeerConnected,
    TimerFired,
    TimerKind,
    TransactionsPending,
)
from node.consensus.messages import (
    BlockReference,
    Message,
    Prepare,
    PrepareDraft,
    PrepareMessage,
    Signed,
)
from node.consensus.safety import SafetyRecord, SafetyState
from node.driver import loop as loop_module
from node.driver.background import Background
from node.driver.blocks.bodies import Body
from node.driver.context import Context, DriverPorts, DriverSettings
from node.driver.event_log import entry_of
from node.driver.heads import Head
from node.driver.loop import EngineLoop, RefusedForSafety
from node.driver.ports import DiskFull, Lanes
from node.execution.executor import Executed
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Signature
from node.storage.memory import MemoryBlockStore, MemorySafetyLog
from node.storage.safety_frames import Binding
from node.storage.system import SystemClock
from node.txpool.pool import TxPool
from tests.node.driver.cluster import DEADLINE_S, genesis_of, inline, key_of
from tests.node.storage.samples import finals

GENESIS = genesis_of(1)
KEY = key_of(0)
DIGEST = keccak256(b"block")
PEER = Address(bytes(19) + b"\x01")


def record(round_: int) -> SafetyRecord:
    return SafetyRecord(1, round_, MessageCode.PREPARE, DIGEST, None)


def prepare(round_: int) -> SignAndBroadcast:
    return SignAndBroadcast(PrepareDraft(Prepare(1, round_, DIGEST)))


class ScriptedEngine:
    """Answers each event with the effects that the script holds for its type."""

    def __init__(self, script: dict[type, list[list[Effect]]]) -> None:
        self.script = script
        self.seen: list[Event] = []
        self.changed = asyncio.Event()

    def step(self, event: Event) -> list[Effect]:
        self.seen.append(event)
        self.changed.set()
        answers = self.script.get(type(event), [])
        return answers.pop(0) if answers else []


class World:
    """All ports in one; keeps the order in which they were used."""

    def __init__(self, script: dict[type, list[list[Effect]]]) -> None:
        self.done: list[Any] = []
        self.failures: list[BaseException] = []
        binding = Binding(bytes(16), KEY.address, GENESIS.digest)
        self.store = MemoryBlockStore()
        self.safety = MemorySafetyLog(binding)
        self.engine = ScriptedEngine(script)
        lanes = Lanes(inline, inline, inline, inline)  # type: ignore[arg-type]
        ports = DriverPorts(
            SystemClock(),
            lanes,
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            KEY,
            Secp256k1Verifier(),
        )
        settings = DriverSettings(disk_retry_ms=1)
        self.context = Context(
            genesis=GENESIS,
            ports=ports,
            settings=settings,
            pool=TxPool(),
            tasks=Background(self.fail),
            post=self.post,
            head=Head(GENESIS.header, ValidatorSet((KEY.address,))),
        )
        handlers = {ValidateBlock: self.done.append}
        self.loop = EngineLoop(self.engine, self.context, handlers, self.on_records)

    def on_records(self, records: Sequence[SafetyRecord]) -> None:
        self.noted = list(records)

    def fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.engine.changed.set()

    def post(self, event: Event) -> None:
        self.loop.post(event)

    # SafetyLog and BlockStore
    def append(self, records: Sequence[SafetyRecord]) -> None:
        self.safety.append(records)
        self.done.append([record.round for record in records])

    def load(self) -> SafetyState:
        return self.safety.load()

    def forbid(self, height: int) -> None:
        self.done.append(("forbid", height))

    def put_body(self, height: int, digest: bytes, block: bytes) -> None:
        self.done.append(("body", block))

    def body(self, _: bytes) -> bytes | None:
        return None

    def height_of(self, digest: bytes) -> int | None:
        return self.store.height_of(digest)  # type: ignore[arg-type]

    def header_at(self, height: int) -> Header | None:
        return self.store.header_at(height)

    # Network
    def broadcast(self, message: Message) -> None:
        self.done.append(("broadcast", message.signed.payload.round))

    def send(self, peer: Address, message: Message) -> None:
        self.done.append(("send", peer, message.signed.payload.round))

    def report(self, peer: Address, reason: str) -> None:
        self.done.append(("report", peer, reason))

    async def run(self, *events: Event, until: int) -> None:
        """Post the events, and run until the engine has seen so many."""
        for event in events:
            self.loop.post(event)
        self.context.tasks.spawn(self.loop.run())
        async with asyncio.timeout(DEADLINE_S):
            while len(self.engine.seen) < until and not self.failures:
                self.engine.changed.clear()
                await self.engine.changed.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        await self.context.tasks.close()
        self.loop.close()


def pending(at_ms: int = 0) -> TransactionsPending:
    return TransactionsPending(at_ms)


async def test_records_of_all_steps_share_one_write_before_anything_is_signed() -> None:
    steps = [[PersistSafetyRecord(record(n)), prepare(n)] for n in (0, 1, 2)]
    world = World({TransactionsPending: steps})  # type: ignore[dict-item]
    await world.run(pending(), pending(), pending(), until=6)
    signed = [("broadcast", n) for n in (0, 1, 2)]
    assert world.done == [[0, 1, 2], *signed]
    assert [r.round for r in world.noted] == [0, 1, 2]


async def test_own_messages_are_stepped_before_what_came_earlier() -> None:
    script: dict[type, list[list[Effect]]] = {TransactionsPending: [[prepare(0)]]}
    world = World(script)
    world.loop.post(pending())
    real = world.loop._sign

    def sign(draft: Any) -> MessageReceived:
        world.loop.post(PeerConnected(0, PEER))  # arrives while we sign
        return real(draft)

    world.loop._sign = sign  # type: ignore[method-assign]
    await world.run(until=3)
    kinds = [type(event) for event in world.engine.seen]
    assert kinds == [TransactionsPending, MessageReceived, PeerConnected]
    own = world.engine.seen[1]
    assert isinstance(own, MessageReceived)
    assert own.peer is None
    assert own.message.signed.author == KEY.address


async def test_the_body_is_durable_before_the_record_and_the_signature() -> None:
    final = finals(1)[0]
    digest = final.header.digest
    effects: list[Effect] = [
        PersistBody(1, digest),
        PersistSafetyRecord(record(0)),
        prepare(0),
    ]
    world = World({TransactionsPending: [effects]})
    executed = Executed(digest, digest, (), (), (), None)
    reference = BlockReference(final.header, final.hashes)
    world.context.bodies.add(Body(reference, final.block, (), executed))
    await world.run(pending(), until=2)
    assert world.done == [("body", final.block), [0], ("broadcast", 0)]


async def test_a_body_that_is_nowhere_ends_the_node() -> None:
    effects: list[Effect] = [PersistBody(1, DIGEST), prepare(0)]
    world = World({TransactionsPending: [effects]})
    await world.run(pending(), until=2)
    assert isinstance(world.failures[0], RefusedForSafety)
    assert world.done == []


async def test_a_body_that_sync_made_final_meanwhile_is_durable_already() -> None:
    final = finals(1)[0]
    effects: list[Effect] = [PersistBody(1, final.header.digest), prepare(0)]
    world = World({TransactionsPending: [effects]})
    world.store.append(final)
    await world.run(pending(), until=2)
    assert world.failures == []
    assert world.done == [("broadcast", 0)]


async def test_nothing_is_signed_where_sync_made_another_block_final_meanwhile() -> (
    None
):
    draft = SignAndBroadcast(PrepareDraft(Prepare(2, 0, DIGEST)))
    later = PersistSafetyRecord(replace(record(0), height=2))
    effects: list[Effect] = [
        PersistBody(1, DIGEST),
        PersistSafetyRecord(record(0)),
        prepare(0),
        later,
        draft,
    ]
    world = World({TransactionsPending: [effects]})
    world.store.append(finals(1)[0])
    await world.run(pending(), until=2)
    assert world.failures == []
    assert world.done == [[0], ("broadcast", 0)]
    own = world.engine.seen[1]
    assert isinstance(own, MessageReceived)
    assert own.message.signed.payload.height == 2


async def test_effects_are_performed_in_their_order() -> None:
    message = PrepareMessage(
        Signed(Prepare(1, 7, DIGEST), KEY.address, Signature(bytes(65)))
    )
    reference = BlockReference(finals(1)[0].header, ())
    validate = ValidateBlock(1, 0, reference, KEY.address)
    effects: list[Effect] = [
        Broadcast(message),
        validate,
        SendTo(PEER, message),
        ReportPeer(PEER, "why"),
        ForbidSigning(9, "a twin"),
    ]
    world = World({TransactionsPending: [effects]})
    await world.run(pending(), until=1)
    assert world.done == [
        ("forbid", 9),
        ("broadcast", 7),
        validate,
        ("send", PEER, 7),
        ("report", PEER, "why"),
    ]


async def test_nothing_is_signed_until_a_full_disk_has_room() -> None:
    effects: list[Effect] = [PersistSafetyRecord(record(0)), prepare(0)]
    world = World({TransactionsPending: [effects]})
    attempts = []
    real = world.safety.append

    def full_twice(records: Sequence[SafetyRecord]) -> None:
        attempts.append(list(world.done))
        if len(attempts) < 3:
            raise DiskFull("no room")
        real(records)

    world.safety.append = full_twice  # type: ignore[method-assign]
    await world.run(pending(), until=2)
    assert attempts == [[], [], []]
    assert world.done == [[0], ("broadcast", 0)]
    assert not world.context.disk_full


async def test_halt_ends_the_node_with_exit_code_3() -> None:
    world = World({TransactionsPending: [[Halt("more than f lie")]]})
    await world.run(pending(), until=2)
    assert isinstance(world.failures[0], RefusedForSafety)
    assert world.failures[0].exit_code == 3
    assert "more than f lie" in str(world.failures[0])


async def test_timers_fire_once_with_what_they_were_set_for_and_can_be_moved() -> None:
    now_ms = SystemClock().monotonic_ms()
    late = now_ms + 3_600_000
    first: list[Effect] = [
        SetTimer(TimerKind.ROUND, late, 1, 0),
        SetTimer(TimerKind.ROUND, now_ms + 5, 1, 4),
        SetTimer(TimerKind.START, now_ms, 1, 0),
        CancelTimer(TimerKind.START),
        CancelTimer(TimerKind.RESEND),
    ]
    world = World({TransactionsPending: [first]})
    await world.run(pending(), until=2)
    fired = world.engine.seen[1]
    assert isinstance(fired, TimerFired)
    assert (fired.kind, fired.height, fired.round) == (TimerKind.ROUND, 1, 4)
    assert fired.at_ms >= now_ms + 5


async def test_messages_of_peers_beyond_the_limit_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_module, "MAX_QUEUED", 2)
    world = World({})
    message = PrepareMessage(
        Signed(Prepare(1, 0, DIGEST), KEY.address, Signature(bytes(65)))
    )
    flood = [MessageReceived(0, PEER, message) for _ in range(5)]
    await world.run(*flood, pending(), until=3)
    assert len(world.engine.seen) == 3
    assert isinstance(world.engine.seen[-1], TransactionsPending)
    assert world.loop.dropped_events == 3


def test_log_entries_are_json_and_name_their_type() -> None:
    message = PrepareMessage(
        Signed(Prepare(1, 0, DIGEST), KEY.address, Signature(bytes(65)))
    )
    entry = entry_of(MessageReceived(5, None, message))
    assert entry["type"] == "MessageReceived"
    assert entry["at_ms"] == 5
    assert entry["peer"] is None
    reference = BlockReference(finals(1)[0].header, (DIGEST,))
    block = entry_of(ValidateBlock(1, 0, reference, PEER))
    assert block["proposer"] == PEER.hex()
    assert block["block"] == {
        "type": "BlockReference",
        "header": {"type": "Header", "rlp": finals(1)[0].header.encoded.hex()},
        "transaction_hashes": [DIGEST.hex()],
    }
