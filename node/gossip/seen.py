"""Which peers are known to have which transactions.

Raw bytes are the key: the pool holds the same objects, a look-up costs a tenth of a
microsecond and no hash of ours is needed before a duplicate is recognised. Memory is
bounded by two generations: when the young one is full, the old one is forgotten.
"""

from collections.abc import Iterable


class Seen:
    """A bit mask of peers for each remembered transaction."""

    def __init__(self, count: int, max_bytes: int) -> None:
        self._count = count
        self._max_bytes = max_bytes
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}
        self._young_bytes = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def mask(self, raw: bytes) -> int:
        """Peers known to have it; 0 when none or when it is not remembered."""
        return self._young.get(raw) or self._old.get(raw, 0)

    def mark(self, raws: Iterable[bytes], bits: int) -> None:
        """Remember that these peers have the transactions."""
        for raw in raws:
            if raw in self._young:
                self._young[raw] |= bits
            elif raw in self._old:
                self._old[raw] |= bits
            else:
                self._insert(raw, bits)

    def screen(self, raws: Iterable[bytes], bits: int) -> list[bytes]:
        """Those that are not remembered; of the others, remember who has them too."""
        unknown = []
        for raw in raws:
            if raw in self._young:
                self._young[raw] |= bits
            elif raw in self._old:
                self._old[raw] |= bits
            else:
                unknown.append(raw)
        return unknown

    def clear(self, bits: int) -> None:
        """These peers are gone: their bits will mean others. Walks everything."""
        keep = ~bits
        for generation in (self._young, self._old):
            for raw, mask in generation.items():
                if mask & bits:
                    generation[raw] = mask & keep

    def _insert(self, raw: bytes, bits: int) -> None:
        full = len(self._young) >= self._count
        if full or self._young_bytes + len(raw) > self._max_bytes:
            self._old = self._young
            self._young = {}
            self._young_bytes = 0
        self._young[raw] = bits
        self._young_bytes += len(raw)
