"""A few nodes that gossip with one another in memory, message by message."""

from collections import deque
from collections.abc import Iterable, Sequence

from node.gossip.gossip import Gossip, Outgoing
from node.gossip.limits import GossipLimits
from node.gossip.messages import TransactionBatch
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32


class ListPool:
    """The simplest thing that gossip can read as a pool."""

    def __init__(self) -> None:
        self.held: dict[Hash32, bytes] = {}

    def __len__(self) -> int:
        return len(self.held)

    def put(self, raw: bytes) -> bool:
        """Whether it is news."""
        tx_hash = keccak256(raw)
        if tx_hash in self.held:
            return False
        self.held[tx_hash] = raw
        return True

    def get_many(self, hashes: Sequence[Hash32]) -> list[bytes | None]:
        return [self.held.get(tx_hash) for tx_hash in hashes]

    def oldest(self, count: int) -> list[tuple[Hash32, bytes]]:
        return list(self.held.items())[:count]


class GossipNode:
    """One node: a pool, its gossip, and how many copies of anything reached it."""

    def __init__(self, name: int, limits: GossipLimits | None) -> None:
        self.address = Address(bytes([name]) * 20)
        self.pool = ListPool()
        self.gossip = Gossip(self.pool, limits)
        self.copies = 0

    def admit(self, raws: Iterable[bytes], origin: Address | None, at_ms: int) -> None:
        news = [(keccak256(raw), raw) for raw in raws if self.pool.put(raw)]
        self.gossip.on_admitted(news, origin, at_ms)


class GossipMesh:
    """Nodes and the links between them; time moves when told."""

    def __init__(self, count: int, limits: GossipLimits | None = None) -> None:
        self.nodes = [GossipNode(n + 1, limits) for n in range(count)]
        self.links: set[tuple[int, int]] = set()
        self.at_ms = 0

    def link(self, *pairs: tuple[int, int]) -> None:
        for a, b in pairs:
            self.links |= {(a, b), (b, a)}
            self.nodes[a].gossip.on_connected(self.nodes[b].address, self.at_ms)
            self.nodes[b].gossip.on_connected(self.nodes[a].address, self.at_ms)

    def cut(self, a: int, b: int) -> None:
        self.links -= {(a, b), (b, a)}
        self.nodes[a].gossip.on_disconnected(self.nodes[b].address)
        self.nodes[b].gossip.on_disconnected(self.nodes[a].address)

    def link_all(self) -> None:
        count = len(self.nodes)
        self.link(*((a, b) for a in range(count) for b in range(a + 1, count)))

    def submit(self, node: int, *raws: bytes) -> None:
        """A client of this node submits transactions."""
        self.nodes[node].admit(raws, None, self.at_ms)

    def advance(self, by_ms: int, step_ms: int = 1) -> None:
        """Let time pass; everything sent arrives at once."""
        for _ in range(0, by_ms, step_ms):
            self.at_ms += step_ms
            for at, node in enumerate(self.nodes):
                self._deliver(at, node.gossip.tick(self.at_ms))

    def holders(self, raw: bytes) -> list[int]:
        tx_hash = keccak256(raw)
        return [at for at, n in enumerate(self.nodes) if tx_hash in n.pool.held]

    def _deliver(self, sender: int, outgoing: list[Outgoing]) -> None:
        queue = deque(outgoing)
        origin = self.nodes[sender].address
        while queue:
            item = queue.popleft()
            for at, node in enumerate(self.nodes):
                wanted = item.peer is None or item.peer == node.address
                if not wanted or (sender, at) not in self.links:
                    continue
                assert isinstance(item.message, TransactionBatch)
                node.copies += len(item.message.transactions)
                news = node.gossip.screen(origin, item.message.transactions)
                node.admit(news, origin, self.at_ms)
