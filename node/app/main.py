"""Runs one node: opens its directory, wires the parts, ends them in the right order.

How it ends: exit code 0 after SIGINT or SIGTERM; 2 for a wrong setting or a taken port,
3 when going on would not be safe, 4 when the disk failed. The last line says why.
"""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import uvloop

from node.app.admin import AdminServer
from node.app.backend import NodeBackend
from node.app.logs import EventLog, configure_logging
from node.chain.genesis import Genesis, load_genesis
from node.chain.signing import Secp256k1Verifier
from node.config import NodeConfig
from node.driver.context import DriverPorts
from node.driver.driver import Driver
from node.execution.select import open_executor
from node.execution.settings import StateSettings
from node.gossip.gossip import Gossip
from node.metrics import Counters, NodeCollector
from node.primitives.secp256k1 import PrivateKey
from node.rpc.service import RpcService
from node.storage.directory import StateDirectory
from node.storage.keystore import load_node_key
from node.storage.system import SystemClock, thread_lanes
from node.transport.mesh import Mesh
from node.txpool.limits import PoolLimits
from node.txpool.pool import TxPool

log = logging.getLogger("chandlery")

COLLECTOR_THRESHOLDS = 50_000, 20, 20


def run_node(config: NodeConfig) -> int:
    """Run until a signal or a failure; returns the exit code."""
    configure_logging(config.log)
    genesis = load_genesis(config.directory)
    key = load_node_key(config.directory)
    try:
        uvloop.run(_run(config, genesis, key))
    except Exception as error:
        exit_code = getattr(error, "exit_code", None)
        if exit_code is None:
            raise
        log.error("the node ends: %s", error)
        return int(exit_code)
    return 0


@dataclass(frozen=True, slots=True)
class Node:
    """The parts of a running node."""

    driver: Driver
    mesh: Mesh
    rpc: RpcService
    admin: AdminServer


async def _run(config: NodeConfig, genesis: Genesis, key: PrivateKey) -> None:
    async with open_node(config, genesis, key) as node:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, node.driver.stop)
        _quieten_collector()
        log.info("ready", extra={"height": node.driver.head.header.number})
        await node.driver.run()
    log.info("stopped at height %d", node.driver.head.header.number)


def _quieten_collector() -> None:
    """Search for cycles seldom: reference counts free what a loaded node makes.

    At Python's thresholds the collector walks a full pool of transactions every few
    blocks, a tenth of a node's time, and finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


@contextlib.asynccontextmanager
async def open_node(
    config: NodeConfig, genesis: Genesis, key: PrivateKey
) -> AsyncIterator[Node]:
    """A recovered node that listens; its driver is not running yet."""
    async with contextlib.AsyncExitStack() as stack:
        directory = StateDirectory.open(config.directory)
        stack.callback(directory.close)
        clock = SystemClock()
        lanes, close_lanes = thread_lanes()
        stack.callback(close_lanes)
        # The block log first: it knows which network this directory belongs to.
        store, safety = directory.open_stores(genesis.digest, key.address)
        stack.callback(store.close)
        stack.callback(safety.close)
        executor = open_executor(
            config.executor.kind,
            directory.state,
            genesis,
            config.executor.verify_with,
            _state_settings(config),
        )
        stack.callback(executor.close)
        mesh = Mesh(config.p2p, key, genesis, config.directory / "tls")
        verifier = Secp256k1Verifier()
        on_event = None
        if config.log.events:
            events = EventLog(directory.logs / "events.jsonl")
            stack.callback(events.close)
            on_event = events.write
        ports = DriverPorts(
            clock, lanes, store, safety, executor, mesh, key, verifier, on_event
        )
        pool = TxPool(_limits(config, genesis), zero_base_fee=_is_free(genesis))
        driver = Driver(genesis, ports, pool, Gossip(pool))
        await driver.start()
        backend = NodeBackend(genesis, driver, key.address, clock)
        rpc = RpcService(backend, config.rpc, config.directory)
        admin = AdminServer(
            config.metrics, backend.status, _collector(backend, driver, rpc, mesh)
        )
        backend.start()
        stack.push_async_callback(backend.stop)
        await mesh.start(driver.inbox)
        stack.push_async_callback(mesh.stop)
        await rpc.start()
        stack.push_async_callback(rpc.stop)
        await admin.start()
        stack.push_async_callback(admin.stop)
        log.info(
            "node 0x%s of chain %d on executor %s: JSON-RPC %s:%d, admin port %d",
            key.address.hex(),
            genesis.chain_id,
            executor.name,
            config.rpc.host,
            rpc.server.port,
            admin.port,
        )
        yield Node(driver, mesh, rpc, admin)


def _state_settings(config: NodeConfig) -> StateSettings:
    return StateSettings(
        archive=config.storage.archive,
        window_blocks=config.storage.state_window,
        checkpoint_blocks=config.executor.checkpoint_blocks,
        memory_bytes=config.executor.memory_mib << 20,
        threads=config.executor.threads,
    )


def _is_free(genesis: Genesis) -> bool:
    return genesis.consensus.zero_base_fee


def _limits(config: NodeConfig, genesis: Genesis) -> PoolLimits:
    return PoolLimits(
        transactions=config.txpool.max_transactions,
        bytes=config.txpool.max_bytes,
        per_sender=config.txpool.max_per_sender,
        lifetime_ms=config.txpool.lifetime_s * 1000,
        transaction_gas=genesis.consensus.gas_limit,
        min_priority_fee=config.txpool.min_priority_fee_wei,
    )


def _collector(
    backend: NodeBackend, driver: Driver, rpc: RpcService, mesh: Mesh
) -> NodeCollector:
    def counters() -> Counters:
        return {
            "rpc_requests": rpc.dispatcher.requests,
            "pool_dropped": driver.status().pool_dropped,
            **driver.measures.counters(),
            **mesh.counters(),
        }

    return NodeCollector(backend.status, counters, driver.measures.histograms)
