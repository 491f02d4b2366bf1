"""eth_simulateV1: see `node.rpc.simulating`."""

from typing import Any

from node.rpc.backend import Backend
from node.rpc.dispatch import Methods
from node.rpc.lookup import require_state
from node.rpc.params import Params
from node.rpc.simulating.request import parse_simulation
from node.rpc.simulating.run import Simulation
from node.rpc.simulating.state import GrowingState


class SimulationMethods:
    """Blocks of calls on top of a block that exists."""

    def __init__(self, backend: Backend, gas_cap: int) -> None:
        self._backend = backend
        self._gas_cap = gas_cap

    def table(self) -> Methods:
        """Name -> handler."""
        return {"eth_simulateV1": self.simulate}

    async def simulate(self, raw: Any) -> list[dict[str, Any]]:
        """[{blockStateCalls, validation, traceTransfers, returnFullTransactions},
        block]"""
        params = Params(raw, 2)
        header, view = require_state(self._backend, params.block(1))
        simulation = Simulation(
            asked=parse_simulation(params.object(0), header),
            base=header,
            rules=self._backend.rules,
            chain_id=self._backend.chain_id,
            gas_left=self._gas_cap,
            state=GrowingState(view),
        )
        return await self._backend.blocking(simulation.run)
