"""The JSON-RPC service of a node: all method tables, one dispatcher, one server."""

from pathlib import Path

from node.config import RpcConfig
from node.rpc.backend import Backend
from node.rpc.dispatch import Dispatcher, Handler
from node.rpc.methods.blocks import BlockMethods
from node.rpc.methods.chain import ChainMethods
from node.rpc.methods.filling import FillingMethods
from node.rpc.methods.logs import LogMethods
from node.rpc.methods.proofs import ProofMethods
from node.rpc.methods.simulation import SimulationMethods
from node.rpc.methods.state import StateMethods
from node.rpc.methods.tracing import TracingMethods
from node.rpc.methods.transactions import TransactionMethods
from node.rpc.pages import add_pages
from node.rpc.server import RpcServer


class RpcService:
    """Start and stop belong to the composition root."""

    def __init__(
        self, backend: Backend, config: RpcConfig, directory: Path | None = None
    ) -> None:
        """`directory` is the node's, for notes to its pages; see node/rpc/pages.py."""
        blocks = BlockMethods(backend)
        self._transactions = TransactionMethods(backend, blocks.receipt)
        self._logs = LogMethods(backend, config.max_log_blocks, config.max_log_results)
        methods: dict[str, Handler] = {}
        for table in (
            blocks.table(),
            ChainMethods(backend).table(),
            ProofMethods(backend).table(),
            StateMethods(backend, config.call_gas_cap).table(),
            SimulationMethods(backend, config.call_gas_cap).table(),
            TracingMethods(backend, config.call_gas_cap).table(),
            FillingMethods(backend, config.call_gas_cap).table(),
            self._transactions.table(),
            self._logs.table(),
        ):
            methods.update(table)
        self.dispatcher = Dispatcher(
            methods, config.max_batch, self._transactions.bulk()
        )
        self.server = RpcServer(backend, self.dispatcher, config)
        facts = {
            "world": "chain",
            "rpc": "/",
            "chain_id": backend.chain_id,
            "client": backend.client_version,
        }
        add_pages(self.server.app.router, facts, directory)

    async def start(self) -> None:
        """Listen. Raises RpcAddressTaken."""
        await self.server.start()

    async def stop(self) -> None:
        """Close connections and forget subscriptions."""
        self._transactions.stop()
        self._logs.stop()
        await self.server.stop()
