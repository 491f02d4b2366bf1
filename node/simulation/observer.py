"""Watches one running host: what it signs, what its disk holds, what its pool lost.

It notes facts for the checkers and decides nothing. `look` reads the sizes of the
node's buffers; they are private to it, and a limit that cannot be looked at cannot be
checked.
"""

from collections.abc import Coroutine, Iterator
from typing import Any

from node.consensus.messages import (
    CommitMessage,
    Payload,
    PrepareMessage,
    ProposalMessage,
    RoundChange,
    RoundChangeMessage,
)
from node.driver.driver import Driver
from node.driver.heads import SubscriberTooSlow, Subscription
from node.driver.ports import WireMessage
from node.primitives import rlp
from node.primitives.types import Hash32
from node.simulation.buffers import lagging, overflows
from node.simulation.history import History, Signed
from node.simulation.machine.disk import Disk
from node.simulation.machine.store import SimulatedBlockStore
from node.storage.safety_frames import CHECKSUM_BYTES, FRAME_BYTES, HEADER_BYTES
from node.storage.safety_log import SIGNED
from node.txpool.entries import Dropped

Key = tuple[int, int, int, Hash32 | None]  # height, round, code, digest
LOG_NAME = "safety.log"
CONSENSUS = (PrepareMessage, CommitMessage, ProposalMessage, RoundChangeMessage)


class DurableRecords:
    """What the durable bytes of a safety log say, read as they grow."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._read = b""
        self._keys: dict[Key, None] = {}

    def holds(self, payload: Payload) -> bool:
        """Whether the log announces this payload."""
        self._update()
        return _key_of(payload) in self._keys

    def _update(self) -> None:
        data = self._disk.durable(LOG_NAME)
        if len(data) == len(self._read) and data == self._read:
            return
        at = len(self._read)
        if not at or data[:at] != self._read:  # rewritten
            at, self._keys = HEADER_BYTES, {}
        while at + FRAME_BYTES <= len(data):
            end = at + FRAME_BYTES + int.from_bytes(data[at : at + 4], "big")
            content = data[at + FRAME_BYTES : end]
            if content[:1] == SIGNED:
                self._keys[_announced(content[1:])] = None
            at = end + CHECKSUM_BYTES
        self._read = data


class Observer:
    """Of one life of one host."""

    def __init__(
        self,
        name: str,
        driver: Driver,
        store: SimulatedBlockStore,
        disk: Disk,
        history: History,
    ) -> None:
        self._name = name
        self._driver = driver
        self._store = store
        self._records = DurableRecords(disk)
        self._history = history
        self._own = driver.inbox.context.ports.signer.address
        self._sent: dict[object, None] = {}
        self._admitted: dict[Hash32, None] = {}
        self._suspects: dict[Hash32, None] = {}
        self._open: list[Subscription[Any]] = []

    # --- messages ---

    def on_sent(self, message: WireMessage) -> None:
        """Note an own message when it leaves for the first time."""
        if not isinstance(message, CONSENSUS):
            return
        signed = message.signed
        if signed.author != self._own or signed.payload in self._sent:
            return
        self._sent[signed.payload] = None
        has_body = True
        if isinstance(message, CommitMessage):
            digest = message.signed.payload.digest
            has_body = self._store.body(digest) is not None
            has_body = has_body or self._store.height_of(digest) is not None
        if isinstance(message, ProposalMessage):
            self._note_proposal(message)
        if isinstance(message, RoundChangeMessage):
            self._note_lag()
        self._history.signed.append(
            Signed(
                self._history.now_ms(),
                self._name,
                message,
                self._records.holds(signed.payload),
                has_body,
            )
        )

    def on_received(self, message: WireMessage) -> None:
        """Note PROPOSALs: a PREPARE must have one to rest on."""
        if isinstance(message, ProposalMessage):
            self._note_proposal(message)

    def _note_proposal(self, message: ProposalMessage) -> None:
        payload = message.signed.payload
        key = (self._name, payload.height, payload.round, payload.digest)
        self._history.proposals.setdefault(key, []).append(message)

    # --- the pool ---

    def watchers(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Tasks that follow the pool."""
        admitted = self._driver.subscribe_admitted()
        dropped = self._driver.subscribe_dropped()
        self._open = [admitted, dropped]
        yield self._follow_admitted(admitted)
        yield self._follow_dropped(dropped)

    def close(self) -> None:
        """The host is down: what its pool held is nobody's promise."""
        for subscription in self._open:
            subscription.close()

    async def _follow_admitted(self, batches: Subscription[tuple[Hash32, ...]]) -> None:
        try:
            async for batch in batches:
                self._admitted.update(dict.fromkeys(batch))
        except SubscriberTooSlow:
            self._admitted.clear()

    async def _follow_dropped(self, items: Subscription[Dropped]) -> None:
        try:
            async for item in items:
                self._admitted.pop(item.hash, None)
                counts = self._history.dropped
                counts[item.reason] = counts.get(item.reason, 0) + 1
        except SubscriberTooSlow:
            self._admitted.clear()

    def look(self) -> None:
        """Once a second: buffers above their limits, transactions without a trace."""
        now = self._history
        for text in overflows(self._driver):
            now.overflows.append(f"{self._name}: {text}")
        self._note_lag()
        gone = {
            digest: None
            for digest in self._admitted
            if digest not in self._driver.pool and self._store.location(digest) is None
        }
        # Word of a drop may be a moment behind: gone twice in a row is gone.
        for digest in gone:
            if digest in self._suspects:
                now.untraced.append(f"{self._name}: {digest.hex()[:8]}")
                del self._admitted[digest]
        self._suspects = gone
        self._admitted = {
            d: None for d in self._admitted if d in self._driver.pool or d in gone
        }

    def _note_lag(self) -> None:
        if lag := lagging(self._driver):
            self._history.lags.append(f"{self._name} {lag}")


def _announced(record: bytes) -> Key:
    """Height, round, code and digest of an encoded SafetyRecord, unchecked."""
    parts = rlp.split_list(record)[:4]
    height, round_, code, digest = (rlp.to_bytes(rlp.decode(part)) for part in parts)
    numbers = (int.from_bytes(raw, "big") for raw in (height, round_, code))
    return *numbers, Hash32(digest) if digest else None  # type: ignore[return-value]


def _key_of(payload: Payload) -> Key:
    digest = (
        payload.prepared_digest if isinstance(payload, RoundChange) else payload.digest
    )
    return payload.height, payload.round, int(payload.code), digest
