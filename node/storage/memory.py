"""Twins of the block store and the safety log that live in memory.

They keep the promises of the real ones within one process: the simulator and tests
restart a node by building a new driver over the same twin. `failure`, when set, is
raised by every durable write before anything changes.
"""

from collections.abc import Iterator, Sequence

from node.chain.header import Header
from node.chain.validators import ValidatorSet
from node.consensus import codec
from node.consensus.messages import Evidence
from node.consensus.safety import SafetyRecord, SafetyState
from node.driver.ports import FinalBlock, StorageFailed, StoredBlock
from node.primitives.types import Hash32
from node.storage.safety_frames import Binding, encode_header, encode_records, scan
from node.storage.safety_log import COMPACT_BYTES, SIGNED, forbidden, state_of


class MemoryBlockStore:
    """`node.driver.ports.BlockStore` in dictionaries."""

    def __init__(self, identity: bytes = bytes(16)) -> None:
        self.identity = identity
        self.failure: StorageFailed | None = None
        self._finals: list[FinalBlock] = []
        self._heights: dict[Hash32, int] = {}
        self._sets: dict[Hash32, ValidatorSet] = {}
        self._locations: dict[Hash32, tuple[int, int]] = {}
        self._bodies: dict[Hash32, tuple[int, bytes]] = {}
        self._evidence: list[Evidence] = []

    def head(self) -> StoredBlock | None:
        """The newest block, None before the first."""
        return self.at(len(self._finals))

    def append(self, final: FinalBlock) -> None:
        """Store the block after the head."""
        self._write()
        height = final.header.number
        if height != len(self._finals) + 1:
            raise ValueError(f"block {height} does not follow {len(self._finals)}")
        self._finals.append(final)
        self._heights[final.header.digest] = height
        self._sets[final.validators.digest] = final.validators
        self._bodies = {
            digest: body for digest, body in self._bodies.items() if body[0] > height
        }

    def at(self, height: int) -> StoredBlock | None:
        """The block of this height."""
        final = self._final(height)
        if final is None:
            return None
        digest = final.header.digest
        return StoredBlock(height, digest, final.block, final.certificate)

    def height_of(self, digest: Hash32) -> int | None:
        """Where the final block of this hash is."""
        return self._heights.get(digest)

    def header_at(self, height: int) -> Header | None:
        """The header of this height."""
        final = self._final(height)
        return final.header if final else None

    def receipts(self, height: int) -> tuple[bytes, ...] | None:
        """The receipts of a final block."""
        final = self._final(height)
        return final.receipts if final else None

    def blocks(self, first: int, count: int, max_bytes: int) -> list[StoredBlock]:
        """Consecutive blocks from `first` on, at least one when it exists."""
        found: list[StoredBlock] = []
        size = 0
        for height in range(first, first + count):
            stored = self.at(height)
            if stored is None:
                break
            size += len(stored.block) + len(stored.certificate)
            if found and size > max_bytes:
                break
            found.append(stored)
        return found

    def validators_of(self, digest: Hash32) -> ValidatorSet | None:
        """A set that some appended block named as the next."""
        return self._sets.get(digest)

    def stage(self, final: FinalBlock) -> None:
        """Make transactions findable."""
        height = final.header.number
        for position, transaction_hash in enumerate(final.hashes):
            self._locations[transaction_hash] = (height, position)

    def flush(self) -> None:
        """Nothing waits."""

    def staged_blocks(self) -> int:
        """Nothing waits."""
        return 0

    def indexed_height(self) -> int:
        """Look-ups are never behind."""
        return len(self._finals)

    def location(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        """(height, position) of a final transaction."""
        return self._locations.get(transaction_hash)

    def blooms(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """(height, logs bloom) of final blocks, ascending."""
        finals = self._finals[max(first, 1) - 1 : last]
        return [(f.header.number, f.header.logs_bloom) for f in finals]

    def put_body(self, height: int, digest: Hash32, block: bytes) -> None:
        """Keep a prepared block that is not final yet."""
        self._write()
        self._bodies.setdefault(digest, (height, block))

    def body(self, digest: Hash32) -> bytes | None:
        """A prepared block, until its height is final."""
        found = self._bodies.get(digest)
        return found[1] if found else None

    def put_evidence(self, evidence: Evidence) -> None:
        """Keep evidence, once."""
        self._write()
        if evidence not in self._evidence:
            self._evidence.append(evidence)

    def evidence(self) -> Iterator[Evidence]:
        """All that was kept, oldest first."""
        return iter(tuple(self._evidence))

    def close(self) -> None:
        """Nothing to release."""

    def _final(self, height: int) -> FinalBlock | None:
        if 1 <= height <= len(self._finals):
            return self._finals[height - 1]
        return None

    def _write(self) -> None:
        if self.failure is not None:
            raise self.failure


class MemorySafetyLog:
    """`node.driver.ports.SafetyLog` over bytes in the real format.

    `data` outlives the log, as a file would: give it to the log of the restarted node.
    """

    def __init__(self, binding: Binding, data: bytearray | None = None) -> None:
        header, _ = encode_header(binding)
        self.failure: StorageFailed | None = None
        self.data = bytearray(header) if data is None else data
        self._binding = binding
        scanned = scan(bytes(self.data), "the safety log in memory")
        self._checksum = scanned.checksum
        self._state = SafetyState(can_sign=False)
        if scanned.binding == binding:
            del self.data[scanned.length :]
            self._state = state_of(scanned.payloads)

    def load(self) -> SafetyState:
        """What the log says; `can_sign` is False when it is another's."""
        return self._state

    def append(self, records: Sequence[SafetyRecord]) -> None:
        """Durable on return."""
        if not records:
            return
        self._check()
        newest = records[-1].height
        payloads = [SIGNED + codec.encode_safety_record(r) for r in records]
        if len(self.data) > COMPACT_BYTES and newest > self._state.height:
            header, self._checksum = encode_header(self._binding)
            self.data[:] = header
            payloads = [forbidden(self._state.sign_above), *payloads]
        self._write(payloads)
        records = [*self._state.records, *records]
        kept = tuple(record for record in records if record.height == newest)
        self._state = SafetyState(kept, self._state.sign_above)

    def forbid(self, height: int) -> None:
        """Never sign for this height or below."""
        self._check()
        if height > self._state.sign_above:
            self._write([forbidden(height)])
            self._state = SafetyState(self._state.records, height)

    def close(self) -> None:
        """Nothing to release."""

    def _check(self) -> None:
        if not self._state.can_sign:
            raise StorageFailed("the safety log belongs to another node")
        if self.failure is not None:
            raise self.failure

    def _write(self, payloads: Sequence[bytes]) -> None:
        data, self._checksum = encode_records(payloads, self._checksum)
        self.data += data
