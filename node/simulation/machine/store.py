"""The block store of a simulated host: what SQLite promises, on a simulated disk.

SQLite itself is beyond a simulated disk, so its promise is modelled: a transaction is
all or nothing and durable once it has returned. Look-ups are a second file with weaker
promises: staged in memory, written by `flush`, and a power cut may take the newest.
"""

from random import Random
from typing import TYPE_CHECKING

from node.consensus.messages import Evidence
from node.driver.ports import FinalBlock
from node.primitives.types import Hash32
from node.simulation.machine.disk import Disk
from node.storage.memory import MemoryBlockStore

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LOST_LOOKUPS = 4


class SimulatedBlockStore(MemoryBlockStore):
    """Outlives its host's crashes; `crash` loses what was not durable."""

    def __init__(self, identity: bytes, disk: Disk, random: Random) -> None:
        super().__init__(identity)
        self._disk = disk
        self._random = random
        self._staged: dict[int, FinalBlock] = {}
        self._written = 0
        self.on_final: Callable[[FinalBlock], None] = _ignore
        """Told of every block that became durable."""

    def append(self, final: FinalBlock) -> None:
        """Store the block after the head."""

        def apply() -> None:
            MemoryBlockStore.append(self, final)
            self.on_final(final)

        self._disk.commit(apply)

    def put_body(self, height: int, digest: Hash32, block: bytes) -> None:
        """Keep a prepared block that is not final yet."""
        put = MemoryBlockStore.put_body
        self._disk.commit(lambda: put(self, height, digest, block))

    def put_evidence(self, evidence: Evidence) -> None:
        """Keep evidence, once."""
        put = MemoryBlockStore.put_evidence
        self._disk.commit(lambda: put(self, evidence))

    def stage(self, final: FinalBlock) -> None:
        """Make transactions findable; lost in a crash unless written."""
        super().stage(final)
        self._staged[final.header.number] = final

    def flush(self) -> None:
        """Write what is staged."""
        self._disk.commit(self._write_lookups)

    def staged_blocks(self) -> int:
        """How many blocks wait for `flush`."""
        return len(self._staged)

    def indexed_height(self) -> int:
        """How far the written look-ups reach."""
        return self._written

    def copy_from(self, other: "SimulatedBlockStore") -> None:
        """Become what a copy of the other's files would be."""
        self._finals, self._heights = list(other._finals), dict(other._heights)
        self._sets, self._locations = dict(other._sets), dict(other._locations)
        self._bodies, self._evidence = dict(other._bodies), list(other._evidence)
        self._staged, self._written = dict(other._staged), other._written

    def crash(self, is_power_cut: bool) -> None:
        """Memory is gone, and with the power perhaps the newest look-ups."""
        self._staged.clear()
        if is_power_cut:
            lost = self._random.randrange(MAX_LOST_LOOKUPS)
            self._written = max(0, self._written - lost)
        self._locations = {
            transaction_hash: place
            for transaction_hash, place in self._locations.items()
            if place[0] <= self._written
        }

    def _write_lookups(self) -> None:
        self._written = max([self._written, *self._staged])
        self._staged.clear()


def _ignore(_: FinalBlock) -> None:
    return None
