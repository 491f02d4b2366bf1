"""A network of real validators for tests: processes, links, faults, round states.

Each validator is a process of its own with its disk, as `chandlery start` runs it; the
links between them pass through proxies of the test (`node.testing.links`). Faults are
what they are called: `kill` is SIGKILL, `pause` SIGSTOP, `partition` silence. The
accounts are those of the dev chain.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from node.chain.genesis import ConsensusConfig
from node.networks.devchain.accounts import BALANCE_WEI, derive_accounts
from node.networks.layout import NetworkPlan, create_network, render_toml
from node.testing.background import Background
from node.testing.links import Link
from node.testing.validator import NetworkFailed, Validator
from node.testing.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from web3 import AsyncWeb3, Web3

T = TypeVar("T")

CHAIN_ID = 31_337
HOST = "127.0.0.1"
ATTEMPTS = 3
"""Free ports are chosen before the nodes bind them; another process may be quicker."""
CONSENSUS = ConsensusConfig(
    gathering_ms=20,
    empty_block_period_ms=1_000,
    round_timeout_ms=1_000,
    round_timeout_cap_factor=4,
)
SETTINGS = ("chain_id", "executor", "consensus")


class QbftNetwork:
    """See the module's docstring. Nodes are named by their number, from 0 on."""

    def __init__(
        self, directory: Path, validators: int, seed: int | None, settings: Any
    ) -> None:
        unknown = sorted(set(settings) - set(SETTINGS))
        if unknown:
            raise TypeError(
                f"unknown settings {unknown} of a network; known: {', '.join(SETTINGS)}"
            )
        self._directory = directory
        self._validators = validators
        self._chain_id = settings.get("chain_id", CHAIN_ID)
        self._executor = settings.get("executor", "auto")
        self._consensus = settings.get("consensus", CONSENSUS)
        self.seed = random.randrange(2**32) if seed is None else seed
        self.random = random.Random(self.seed)
        """For choices of the test; a failure shows the seed."""
        self.nodes: list[Validator] = []
        self._links: list[Link] = []
        self._background: Background | None = None

    # -- life

    @property
    def title(self) -> str:
        """What a report calls it."""
        return f"network of {self._validators} validators, seed={self.seed}"

    def start(self) -> None:
        """Make it and wait until every node answers. Raises NetworkFailed."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start(self._directory / f"net{attempt}")
                return
            except NetworkFailed as error:
                self.stop()
                if attempt == ATTEMPTS or "cannot listen" not in str(error):
                    raise

    def stop(self) -> None:
        """End processes and links."""
        for node in self.nodes:
            node.ask_to_end()
        for node in self.nodes:
            node.end()
        if self._background is not None:
            for link in self._links:
                self._background.run(link.close())
            self._background.stop()
        self.nodes, self._links, self._background = [], [], None

    def _start(self, directory: Path) -> None:
        plan = NetworkPlan(
            validators=self._validators,
            chain_id=self._chain_id,
            rpc_port=0,
            p2p_port=0,
            account_keys=tuple(derive_accounts()),
            balance_wei=BALANCE_WEI,
            consensus=self._consensus,
            settings={"executor.kind": self._executor},
        )
        places = create_network(directory, plan)
        self._background = Background()
        ports = [int(place.p2p_address.rsplit(":", 1)[1]) for place in places]
        everyone = range(len(places))
        self._links = [
            Link(a, b, HOST, ports[b]) for a in everyone for b in everyone if a != b
        ]
        for link in self._links:
            self._background.run(link.open())
        for at, place in enumerate(places):
            peers = [
                f"0x{places[link.target].address.hex()}@{HOST}:{link.port}"
                for link in self._links
                if link.dialler == at
            ]
            settings = {
                "p2p.host": HOST,
                "p2p.port": ports[at],
                "p2p.peers": peers,
                "rpc.host": HOST,
                "rpc.port": int(place.rpc_url.rsplit(":", 1)[1]),
                **plan.settings,
            }
            (place.directory / "node.toml").write_text(render_toml(settings))
        self.nodes = [Validator(place) for place in places]
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_until_answering(DEADLINE_S)

    # -- clients

    def w3(self, node: int = 0) -> "Web3":
        """web3.py on a node; it signs for `accounts`, the first of which sends by
        default."""
        from web3 import Web3

        client = Web3(Web3.HTTPProvider(self.nodes[node].url))
        self._let_sign(client)
        return client

    def async_w3(self, node: int = 0) -> "AsyncWeb3[Any]":
        """The asynchronous one; disconnect its provider when done."""
        from web3 import AsyncHTTPProvider, AsyncWeb3

        client = AsyncWeb3(AsyncHTTPProvider(self.nodes[node].url))
        self._let_sign(client)
        return client

    def _let_sign(self, client: "Web3 | AsyncWeb3[Any]") -> None:
        from web3.middleware import SignAndSendRawMiddlewareBuilder

        accounts: Any = self.accounts
        signer: Any = SignAndSendRawMiddlewareBuilder.build(accounts)
        client.middleware_onion.inject(signer, layer=0)
        client.eth.default_account = accounts[0].address

    @property
    def accounts(self) -> "list[LocalAccount]":
        """Ten accounts of 10,000 ether, those of the dev chain."""
        from eth_account import Account

        return [Account.from_key(key.secret) for key in derive_accounts()]

    # -- faults

    def kill(self, node: int) -> None:
        """SIGKILL; `restart` brings it back with its disk."""
        self.nodes[node].kill()

    def restart(self, node: int) -> None:
        """Start a killed one; returns when it answers."""
        self.nodes[node].start()
        self.nodes[node].wait_until_answering(DEADLINE_S)

    def pause(self, node: int) -> None:
        """SIGSTOP."""
        self.nodes[node].pause()

    def resume(self, node: int) -> None:
        """SIGCONT."""
        self.nodes[node].resume()

    def equivocate(self, node: int) -> None:
        """From now on it signs, besides what it should, contradicting messages for half
        of the others; `kill` and `restart` make it honest again."""
        self.nodes[node].end()
        self.nodes[node].start(is_liar=True)
        self.nodes[node].wait_until_answering(DEADLINE_S)

    def evidence(self, node: int) -> list[dict[str, Any]]:
        """What a node can prove of others: {validator, height, round, kind, raw}."""
        return self.nodes[node].evidence()

    def partition(self, *groups: Iterable[int]) -> None:
        """Silence between the groups; who is in none is in a group of the rest."""
        side = {node: at for at, group in enumerate(groups) for node in group}
        for link in self._links:
            apart = side.get(link.dialler, -1) != side.get(link.target, -1)
            self._on_loop(link.cut if apart else link.mend)

    def delay(self, seconds: float, nodes: Iterable[int] | None = None) -> None:
        """Everything from and to these nodes (all, by default) takes so much longer
        in each direction."""
        chosen = set(range(len(self.nodes)) if nodes is None else nodes)
        for link in self._links:
            if {link.dialler, link.target} & chosen:
                link.delay_s = seconds

    def heal(self) -> None:
        """No partition, no delay. Killed and paused nodes stay so."""
        for link in self._links:
            link.delay_s = 0.0
            self._on_loop(link.mend)

    def _on_loop(self, change: Callable[[], None]) -> None:
        async def run() -> None:
            change()

        if self._background is not None:
            self._background.run(run())

    # -- waiting and checking

    def height(self, node: int = 0) -> int | None:
        """The newest final block of a node; None when it does not answer."""
        return self.nodes[node].height()

    def wait_for_height(
        self,
        height: int,
        nodes: Sequence[int] | None = None,
        within_s: float = DEADLINE_S,
    ) -> None:
        """Until these nodes (all, by default) have it. Raises TimeoutError."""
        for at in range(len(self.nodes)) if nodes is None else nodes:
            node = self.nodes[at]
            what = f"{node.name} at height {height}"
            wait_until(partial(node.has_height, height), what, within_s)

    def wait_until(
        self, probe: Callable[[], T | None], what: str, within_s: float = DEADLINE_S
    ) -> T:
        """The first true answer of the probe. Raises TimeoutError that says `what`."""
        return wait_until(probe, what, within_s)

    def assert_agreement(self) -> int:
        """Every answering node has the same hash at every height that all have; the
        common height."""
        nodes = [node for node in self.nodes if node.height() is not None]
        common = min(node.height() or 0 for node in nodes)
        for height in range(common + 1):
            hashes = {node.block_hash(height) for node in nodes}
            assert len(hashes) == 1, f"nodes disagree at height {height}: {hashes}"
        return common

    def describe(self) -> str:
        """The state of every node, as a report of a failure shows it."""
        lines = [node.describe() for node in self.nodes]
        cut = [f"{link.dialler}->{link.target}" for link in self._links if link.is_cut]
        if cut:
            lines.append(f"cut links: {' '.join(cut)}")
        return "\n".join(lines)
