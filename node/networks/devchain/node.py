"""Composition of a dev chain: genesis, executor, chain, methods, JSON-RPC.

`DevNode.open` needs no directory and no socket: `dispatcher` answers requests in the
process. `serve` adds HTTP and WebSocket.
"""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

from node.chain.genesis import ConsensusConfig, Genesis
from node.chain.genesis_builder import make_genesis
from node.config import RpcConfig
from node.execution.dev import open_dev_executor
from node.networks.devchain.accounts import MNEMONIC, balances_of, derive_accounts
from node.networks.devchain.backend import VALIDATOR, DevBackend
from node.networks.devchain.chain import DevChain
from node.networks.devchain.clock import DevClock, wall_s
from node.networks.devchain.journal import Journal
from node.networks.devchain.methods.cheats import CheatMethods
from node.networks.devchain.methods.mining import MiningMethods
from node.networks.devchain.methods.wallet import WalletMethods
from node.networks.devchain.report import Report
from node.networks.devchain.sealing import Sealer
from node.networks.devchain.sources.vyper import Sources
from node.primitives.secp256k1 import PrivateKey
from node.rpc.service import RpcService
from node.rpc.token import is_loopback

CHAIN_ID = 31_337
GAS_LIMIT = 30_000_000
MAX_BATCH = 1_000
"""Requests in one body: there is one client, and it is the owner's own."""


@dataclass(frozen=True, slots=True)
class DevSettings:
    """What `chandlery dev` and the fixtures may choose."""

    chain_id: int = CHAIN_ID
    executor: str = "auto"
    block_time_s: float = 0.0
    """0 seals at once."""
    automine: bool = True
    """False, without a block time: only `evm_mine` seals."""
    gas_limit: int = GAS_LIMIT
    compat: str = ""
    """What the client version begins with, for tools that look at it: "anvil"."""
    mnemonic: str = MNEMONIC
    directory: Path | None = None
    """Where the chain lives on; None forgets it."""
    sources: Sources = field(default_factory=Sources)
    """Of contracts whose failures are logged with their line."""
    rpc: RpcConfig = field(default_factory=lambda: RpcConfig(max_batch=MAX_BATCH))


class DevChainExposed(Exception):
    """It would listen beyond this machine without a token."""

    exit_code = 3


class DevNode:
    """A dev chain that answers; make it with `open` on its loop."""

    def __init__(
        self, chain: DevChain, keys: list[PrivateKey], settings: DevSettings
    ) -> None:
        self.chain = chain
        self.keys = keys
        self._host = settings.rpc.host
        self._has_token = bool(settings.rpc.token)
        self.backend = DevBackend(chain, settings.compat)
        self.sealer = Sealer(chain)
        cheats = CheatMethods(self.backend)
        self.report = Report(self.backend, cheats, settings.sources)
        self.rpc = RpcService(self.backend, settings.rpc)
        self.dispatcher = self.rpc.dispatcher
        wallet = WalletMethods(self.backend, keys, settings.rpc.call_gas_cap)
        for table in (
            wallet.table(),
            MiningMethods(self.backend, self.sealer, wallet).table(),
            cheats.table(),
        ):
            self.dispatcher.extend(table)
        if settings.block_time_s:
            chain.automine = False
            self.sealer.set_interval(settings.block_time_s)

    @classmethod
    async def open(cls, settings: DevSettings) -> "DevNode":
        """A chain at genesis, or where its directory left it. Raises JournalError and
        ExecutorUnavailable."""
        keys = derive_accounts(settings.mnemonic)
        journal = Journal.open(settings.directory) if settings.directory else None
        genesis = journal.genesis if journal else None
        if genesis is None:
            genesis = dev_genesis(settings, keys)
        executor = open_dev_executor(settings.executor, genesis)
        chain = DevChain(genesis, executor, DevClock(), settings.automine)
        if journal is not None:
            await asyncio.to_thread(journal.restore, chain)
        return cls(chain, keys, settings)

    async def serve(self) -> str:
        """Listen; returns the URL. Raises RpcAddressTaken and DevChainExposed."""
        if not (is_loopback(self._host) or self._has_token):
            raise DevChainExposed(
                f"a dev chain obeys everyone who reaches {self._host}: set [rpc] token"
            )
        await self.rpc.start()
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.rpc.server.port}"

    async def close(self) -> None:
        """Stop sealing and answering."""
        self.sealer.stop()
        self.report.stop()
        await self.rpc.stop()
        self.backend.intake.stop()
        self.chain.close()


def dev_genesis(settings: DevSettings, keys: list[PrivateKey]) -> Genesis:
    """Block 0: the accounts, the system's contracts and the CREATE2 deployer."""
    consensus = replace(ConsensusConfig(), gas_limit=settings.gas_limit)
    return make_genesis(
        chain_id=settings.chain_id,
        validators=[VALIDATOR.address],
        balances=balances_of(keys),
        consensus=consensus,
        timestamp=wall_s(),
    )
