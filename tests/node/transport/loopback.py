"""Real meshes of one test process on loopback, on ports that the system chooses."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from node.chain.genesis import ConsensusConfig, Genesis, GenesisAccount
from node.chain.validator_contract import VALIDATOR_CONTRACT
from node.config import P2pConfig
from node.driver.ports import WireMessage
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address
from node.transport.certificates import create_certificate
from node.transport.mesh import Mesh

DEADLINE_S = 10.0
KEYS = sorted(
    (PrivateKey(bytes([n]) * 32) for n in range(1, 8)), key=lambda key: key.address
)
"""Node keys in ascending order of their addresses."""


def genesis_of(keys: Sequence[PrivateKey], chain_id: int = 7_001) -> Genesis:
    """A genesis with these validators and nothing else."""
    addresses = sorted(int.from_bytes(key.address, "big") for key in keys)
    slots = {0: len(keys)} | {at + 1: word for at, word in enumerate(addresses)}
    contract = GenesisAccount(code=b"\x00", storage=slots)
    alloc = {VALIDATOR_CONTRACT: contract}
    return Genesis(chain_id, ConsensusConfig(), alloc, 1_700_000_000, 10**9)


class Recorder:
    """An inbox that keeps what it is told and wakes who waits for it."""

    def __init__(self) -> None:
        self.messages: list[tuple[Address, WireMessage]] = []
        self.connections: list[Address] = []
        self.disconnections: list[Address] = []
        self._changed = asyncio.Event()

    def on_message(self, peer: Address, message: WireMessage) -> None:
        self.messages.append((peer, message))
        self.changed()

    def on_connected(self, peer: Address) -> None:
        self.connections.append(peer)
        self.changed()

    def on_disconnected(self, peer: Address) -> None:
        self.disconnections.append(peer)
        self.changed()

    def changed(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that events here make true."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await self._changed.wait()


class LogWatch(logging.Handler):
    """Keeps what the transport logs and lets a test wait for a line."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self._changed = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._changed.set()
        self._changed = asyncio.Event()

    def count(self, part: str) -> int:
        return sum(part in line for line in self.lines)

    async def until(self, part: str) -> None:
        """Wait for a line with this part in it."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.count(part):
                await self._changed.wait()


class TestNode:
    """A mesh with its recorder."""

    __test__ = False

    def __init__(self, mesh: Mesh, key: PrivateKey) -> None:
        self.mesh = mesh
        self.address = key.address
        self.inbox = Recorder()

    def sees(self, *others: "TestNode") -> bool:
        connected = [info.address for info in self.mesh.peers()]
        return all(other.address in connected for other in others)


class Loopback:
    """Starts nodes; each is told whom to dial by the nodes that stand already."""

    def __init__(self, directory: Path, keys: Sequence[PrivateKey]) -> None:
        self.directory = directory
        self.keys = list(keys)
        self.genesis = genesis_of(keys)
        self.nodes: list[TestNode] = []
        self._folders = 0

    async def start(
        self,
        key: PrivateKey,
        config: P2pConfig | None = None,
        genesis: Genesis | None = None,
        dial: Sequence[TestNode] = (),
        port: int = 0,
    ) -> TestNode:
        """A started node that dials those; the caller waits for connections."""
        self._folders += 1
        folder = self.directory / f"tls-{self._folders}"
        self.directory.mkdir(exist_ok=True)
        create_certificate(folder)
        peers = tuple(
            f"0x{node.address.hex()}@127.0.0.1:{node.mesh.port}" for node in dial
        )
        base = config or P2pConfig()
        settings = replace(base, port=port, peers=base.peers + peers)
        mesh = Mesh(settings, key, genesis or self.genesis, folder)
        node = TestNode(mesh, key)
        mesh.admit([validator.address for validator in self.keys])
        await mesh.start(node.inbox)
        self.nodes.append(node)
        return node

    async def start_all(self, config: P2pConfig | None = None) -> list[TestNode]:
        """A full mesh of all keys."""
        for key in self.keys:
            await self.start(key, config, dial=self.nodes[:])
        await self.connected()
        return self.nodes

    async def connected(self) -> None:
        """Wait until everyone sees everyone."""
        for node in self.nodes:
            others = [other for other in self.nodes if other is not node]
            await node.inbox.until(lambda n=node, o=others: n.sees(*o))

    async def stop(self) -> None:
        for node in self.nodes:
            await node.mesh.stop()


@contextlib.asynccontextmanager
async def loopback(
    directory: Path, keys: Sequence[PrivateKey] = KEYS[:2]
) -> AsyncIterator[Loopback]:
    """Meshes that are stopped at the end whatever happens."""
    network = Loopback(directory, keys)
    try:
        yield network
    finally:
        await network.stop()
