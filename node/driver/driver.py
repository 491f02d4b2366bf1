"""One node's driver: the loop between the world and the pure engine.

The promise: it decides nothing about consensus and performs what the engine asks in
order; what must be durable is durable before what depends on it is signed; nothing a
peer or client sends blocks it or grows without a named limit.
"""

from collections.abc import Callable
from dataclasses import dataclass

from node.chain.genesis import Genesis
from node.chain.header import Header
from node.chain.signing import Signer, Verifier
from node.chain.validators import ValidatorSet
from node.driver.ports import (
    BlockStore,
    Clock,
    Lanes,
    Network,
    SafetyLog,
)
from node.execution.executor import Executor
from node.primitives.types import Hash32


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """Limits and waits of this node alone; none of them must agree with others'."""

    request_timeout_ms: int = 400
    """How long a peer may take to answer before another is asked."""
    sync_grace_ms: int = 300
    """How long a peer may be one block ahead before its blocks are asked for."""
    status_interval_ms: int = 2_000
    """Status is sent after commits, and at least this often."""
    signature_check_ms: int = 5_000
    """How often peers are asked which signatures of ours they hold."""
    disk_retry_ms: int = 1_000
    """How long to wait for room on a full disk."""


@dataclass(frozen=True, slots=True)
class DriverPorts:
    """The world, injected.

    `signer` is the node's key; a node whose address is no validator follows and never
    signs. `on_event` receives one JSON-able dict per event and effect, in order, for
    the event log; None records nothing.
    """

    clock: Clock
    lanes: Lanes
    store: BlockStore
    safety: SafetyLog
    executor: Executor
    network: Network
    signer: Signer
    verifier: Verifier
    on_event: Callable[[dict[str, object]], None] | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The newest final block and the set that signs the next."""

    header: Header
    validators: ValidatorSet


@dataclass(frozen=True, slots=True)
class NewHead:
    """A block became final: what subscribers of heads receive, in order of height."""

    header: Header
    block: bytes
    hashes: tuple[Hash32, ...]
    receipts: tuple[bytes, ...]


class Driver:
    """Construct, run and stop it like this:

        clock, lanes = SystemClock(), Lanes(executor=ThreadOffload("executor"),
            disk=ThreadOffload("disk"), admission=ThreadOffload("admission"))
        store = SqliteBlockStore.open(directory / "blocks")   # node.storage.block_store
        safety = FileSafetyLog.open(directory / "safety.log", identity)
        mesh = <transport>                                     # implements Network
        ports = DriverPorts(clock, lanes, store, safety, executor, mesh, key, verifier)
        driver = Driver(genesis, ports, pool, gossip, DriverSettings())

        await driver.start()      # the executor catches up with the block log
        await mesh.start(driver)  # a driver is the Inbox of the mesh
        ... RPC may serve from here on ...
        await driver.run()        # returns after stop(); raises what must end the node
        driver.stop()             # from a signal handler, same loop

    `start` raises StorageFailed (exit code 4) or RefusedForSafety (3); `run` raises
    those or ExecutorFailed. None of them may be retried in the same process. The
    caller closes mesh, store, safety log, executor and lanes, in this order.

    For RPC, all on the loop:
        driver.head -> Head                       newest final block
        await driver.submit(raws) -> list[...]    admission results, in order
        driver.subscribe_heads() -> async iterator of NewHead
        driver.subscribe_admitted() -> async iterator of tuples of transaction hashes
        driver.status() -> dict                   for status, doctor and metrics
    Blocks, receipts and look-ups are read from `driver.store` (`BlockStore`), state
    from `driver.executor.view(digest)`, both safe beside the loop.
    """
