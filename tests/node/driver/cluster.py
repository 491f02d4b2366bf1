"""Whole drivers on real stores and the reference executor, joined by a mesh in memory.

The mesh delivers on the loop, in order, and encodes every consensus message, as the
real one does; links can be cut. A node can be killed (nothing is closed properly but
its file handles) and started again on its directory.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from eth_utils.address import to_checksum_address

from node.chain.genesis import ConsensusConfig, Genesis
from node.chain.genesis_builder import make_genesis
from node.chain.signing import Secp256k1Verifier, SigningDomain
from node.consensus import codec
from node.consensus.messages import (
    CommitMessage,
    PrepareMessage,
    ProposalMessage,
    RoundChangeMessage,
)
from node.driver.context import DriverPorts, DriverSettings
from node.driver.driver import Driver
from node.driver.heads import NewHead
from node.driver.ports import Inbox, Lanes, PeerInfo, WireMessage
from node.execution.executor import Executor
from node.execution.pyevm import PyEvmExecutor
from node.gossip.gossip import Gossip
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address
from node.storage.directory import StateDirectory
from node.storage.system import SystemClock
from node.txpool.pool import TxPool

CONSENSUS_MESSAGES = (
    ProposalMessage,
    PrepareMessage,
    CommitMessage,
    RoundChangeMessage,
)
CHAIN_ID = 7_001
DEADLINE_S = 60
FAST = ConsensusConfig(
    gathering_ms=5,
    min_block_interval_ms=20,
    empty_block_period_ms=150,
    round_timeout_ms=600,
    build_time_ms=300,
)
SETTINGS = DriverSettings(
    request_timeout_ms=100,
    sync_grace_ms=50,
    sync_timeout_ms=500,
    status_interval_ms=200,
    signature_check_ms=300,
    disk_retry_ms=20,
)
PAYEE = Address(b"\x5a" * 20)
CUSTOMERS = [PrivateKey(bytes([7]) * 31 + bytes([n])) for n in range(1, 5)]


def key_of(number: int) -> PrivateKey:
    """The key of a validator, the same in every run."""
    return PrivateKey(bytes([9]) * 31 + bytes([number + 1]))


def genesis_of(validators: int, consensus: ConsensusConfig = FAST) -> Genesis:
    """A network of so many validators with rich customers."""
    return make_genesis(
        chain_id=CHAIN_ID,
        validators=[key_of(n).address for n in range(validators)],
        balances={key.address: 10**24 for key in CUSTOMERS},
        consensus=consensus,
        timestamp=1_700_000_000,
    )


def transfer(customer: int, nonce: int, wei: int = 1) -> bytes:
    """A signed payment to an address that nobody holds."""
    signed = Account.sign_transaction(
        {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "to": to_checksum_address(PAYEE),
            "value": wei,
            "gas": 21_000,
            "maxFeePerGas": 10**12,
            "maxPriorityFeePerGas": 1,
        },
        CUSTOMERS[customer].secret,
    )
    return bytes(signed.raw_transaction)


async def inline(work: Callable[[], object]) -> object:
    """A lane that runs at once."""
    return work()


class Hub:
    """All meshes of a cluster, and which links are cut."""

    def __init__(self, domain: SigningDomain) -> None:
        self.domain = domain
        self.meshes: dict[Address, Mesh] = {}
        self.cut: set[tuple[Address, Address]] = set()
        self.drop: Callable[[Address, Address, WireMessage], bool] = _keep

    def join(self, mesh: "Mesh") -> None:
        """Connect to all that are there."""
        self.meshes[mesh.own] = mesh
        for other in list(self.meshes.values()):
            if other is not mesh and (mesh.own, other.own) not in self.cut:
                mesh.connect(other)
                other.connect(mesh)

    def leave(self, own: Address) -> None:
        """Everybody loses the connection."""
        gone = self.meshes.pop(own)
        for other in self.meshes.values():
            other.disconnect(gone)

    def part(self, one: Address, other: Address) -> None:
        """Cut a link, both ways."""
        self.cut |= {(one, other), (other, one)}
        if one in self.meshes and other in self.meshes:
            self.meshes[one].disconnect(self.meshes[other])
            self.meshes[other].disconnect(self.meshes[one])

    def heal(self) -> None:
        """All links are back."""
        self.cut.clear()
        for mesh in list(self.meshes.values()):
            self.join(mesh)


def _keep(_: Address, __: Address, ___: WireMessage) -> bool:
    return False


class Mesh:
    """One node's `Network`."""

    def __init__(self, own: Address, hub: Hub) -> None:
        self.own = own
        self.hub = hub
        self.inbox: Inbox | None = None
        self.connected: dict[Address, Mesh] = {}
        self.reports: list[tuple[Address, str]] = []
        self.admitted: list[tuple[Address, ...]] = []

    def connect(self, other: "Mesh") -> None:
        """Called for both ends."""
        if other.own not in self.connected:
            self.connected[other.own] = other
            asyncio.get_running_loop().call_soon(self._on_connected, other.own)

    def disconnect(self, other: "Mesh") -> None:
        """Called for both ends."""
        if self.connected.pop(other.own, None) and self.inbox:
            self.inbox.on_disconnected(other.own)

    def send(self, peer: Address, message: WireMessage) -> None:
        """Deliver soon, if connected and not dropped."""
        other = self.connected.get(peer)
        if other is None or self.hub.drop(self.own, peer, message):
            return
        if isinstance(message, CONSENSUS_MESSAGES):
            raw = codec.encode_message(message)
            message = codec.decode_message(raw, self.hub.domain, Secp256k1Verifier())
        asyncio.get_running_loop().call_soon(other.deliver, self.own, message)

    def broadcast(self, message: WireMessage) -> None:
        """Deliver to every peer."""
        for peer in list(self.connected):
            self.send(peer, message)

    def deliver(self, peer: Address, message: WireMessage) -> None:
        """From a peer that is still connected."""
        if self.inbox and peer in self.connected:
            self.inbox.on_message(peer, message)

    def peers(self) -> list[PeerInfo]:
        """In the order of connecting."""
        return [PeerInfo(peer, "memory", False, 0) for peer in self.connected]

    def report(self, peer: Address, reason: str) -> None:
        """Remember it."""
        self.reports.append((peer, reason))

    def admit(self, validators: Sequence[Address]) -> None:
        """Remember it."""
        self.admitted.append(tuple(validators))

    def _on_connected(self, peer: Address) -> None:
        if self.inbox and peer in self.connected:
            self.inbox.on_connected(peer)


@dataclass
class TestNode:
    """One node: its directory outlives its runs."""

    __test__ = False
    path: Path
    genesis: Genesis
    key: PrivateKey
    hub: Hub
    settings: DriverSettings = SETTINGS
    clock: SystemClock = field(default_factory=SystemClock)
    events: list[dict[str, object]] = field(default_factory=list)
    executor_of: Callable[[Path, Genesis], Executor] = PyEvmExecutor
    mesh_of: Callable[[Address, Hub], Mesh] = Mesh

    def __post_init__(self) -> None:
        if not self.path.exists():
            self.path.mkdir()
            StateDirectory.create(self.path, self.genesis.digest, self.key.address)

    @property
    def address(self) -> Address:
        """Its validator."""
        return self.key.address

    async def start(self) -> None:
        """Recover, connect, run."""
        own = self.key.address
        self.directory = StateDirectory.open(self.path)
        stores = self.directory.open_stores(self.genesis.digest, own)
        self.store, self.safety = stores
        self.executor = self.executor_of(self.directory.state, self.genesis)
        self.mesh = self.mesh_of(own, self.hub)
        self.pool = TxPool()
        lanes = Lanes(inline, inline, inline, inline)  # type: ignore[arg-type]
        ports = DriverPorts(
            self.clock,
            lanes,
            self.store,
            self.safety,
            self.executor,
            self.mesh,
            self.key,
            Secp256k1Verifier(),
            self.events.append,
        )
        gossip = Gossip(self.pool)
        self.driver = Driver(self.genesis, ports, self.pool, gossip, self.settings)
        await self.driver.start()
        self.running = asyncio.get_running_loop().create_task(self.driver.run())
        self.mesh.inbox = self.driver.inbox
        self.hub.join(self.mesh)

    async def kill(self) -> None:
        """Stop between two steps of the loop, without saying goodbye."""
        self.hub.leave(self.address)
        self.mesh.inbox = None
        self.running.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self.running
        self.store.close()
        self.safety.close()
        self.executor.close()
        self.directory.close()

    async def reach(self, height: int) -> None:
        """Wait until its head is that high; fails when it does not in time."""
        heads = self.driver.subscribe_heads()
        async with asyncio.timeout(DEADLINE_S):
            while self.driver.head.header.number < height:
                await anext(heads)
        heads.close()

    async def include(self, raws: Sequence[bytes]) -> list[NewHead]:
        """Submit, and wait until all are final; the blocks meanwhile."""
        heads, found = self.driver.subscribe_heads(), list[NewHead]()
        answers = await self.driver.submit(raws)
        assert all(answer.ok for answer in answers), answers
        wanted = {answer.hash for answer in answers}
        async with asyncio.timeout(DEADLINE_S):
            while wanted:
                head = await anext(heads)
                wanted -= set(head.hashes)
                found.append(head)
        heads.close()
        return found


class Cluster:
    """`async with Cluster(path, n) as nodes`: running validators."""

    def __init__(
        self, path: Path, validators: int, consensus: ConsensusConfig = FAST
    ) -> None:
        self.genesis = genesis_of(validators, consensus)
        self.hub = Hub(SigningDomain(CHAIN_ID, self.genesis.digest))
        self.nodes = [
            TestNode(path / f"node{n + 1}", self.genesis, key_of(n), self.hub)
            for n in range(validators)
        ]

    async def __aenter__(self) -> "Cluster":
        for node in self.nodes:
            await node.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes:
            if node.address in self.hub.meshes:
                await node.kill()

    def agree(self) -> int:
        """Assert one block hash per height among all; the lowest head."""
        lowest = min(node.driver.head.header.number for node in self.nodes)
        for height in range(1, lowest + 1):
            found = {
                stored.digest
                for node in self.nodes
                if (stored := node.store.at(height)) is not None
            }
            assert len(found) == 1, height
        return lowest
