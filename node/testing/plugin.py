"""Fixtures of the pytest plugin; everything heavy is imported by the first use.

| fixture | what |
|---|---|
| `devchain` | a dev chain in the process, brought back after each test |
| `devchain_w3`, `devchain_async_w3` | web3.py on it, without a socket |
| `devchain_accounts` | its ten accounts as `eth_account` accounts |
| `devchain_session` | the same chain for fixtures of a wider scope |
| `qbft_network` | real validators in processes of their own |
| `make_qbft_network` | the same as a function, for several or with arguments |
| `qbft_simulation` | a network in virtual time, with the faults the test names |

Marks: `devchain(chain_id=..., executor=..., automine=..., compat=...)` gives the test a
chain with these settings; `qbft(validators=4, seed=7)` says what `qbft_network` and
`qbft_simulation` are. A test that fails shows the state of every validator it used.
See docs/testing.md.
"""

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from web3 import AsyncWeb3, Web3

    from node.testing.chain import ChainCache, InProcessChain
    from node.testing.network import QbftNetwork
    from node.testing.simulated import QbftSimulation

NETWORKS: pytest.StashKey[list["QbftNetwork | QbftSimulation"]] = pytest.StashKey()
MARKS = (
    "devchain(**settings): a dev chain with settings of its own (chain_id, executor, "
    "automine, block_time_s, gas_limit, compat, mnemonic)",
    "qbft(validators=4, seed=None, **settings): the network of qbft_network, or of "
    "qbft_simulation",
)


def pytest_configure(config: pytest.Config) -> None:
    """Tell of the marks."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The ini option `devchain_executor`."""
    parser.addini(
        "devchain_executor", "executor of the devchain fixtures", default="auto"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the round state of every validator to the report of a failure."""
    report = yield
    if report.failed:
        for network in item.stash.get(NETWORKS, []):
            report.sections.append((network.title, network.describe()))
    return report


@pytest.fixture(scope="session")
def _devchains() -> Iterator["ChainCache"]:
    from node.testing.chain import ChainCache

    cache = ChainCache()
    yield cache
    cache.close()


@pytest.fixture(scope="session")
def devchain_session(
    _devchains: "ChainCache", pytestconfig: pytest.Config
) -> "InProcessChain":
    """The dev chain of the session. What is done to it outside of `devchain` stays."""
    return _devchains.get(executor=pytestconfig.getini("devchain_executor"))


@pytest.fixture
def devchain(
    request: pytest.FixtureRequest, devchain_session: "InProcessChain"
) -> Iterator["InProcessChain"]:
    """A dev chain as fixtures of a wider scope left it; brought back afterwards."""
    chain = devchain_session
    mark = request.node.get_closest_marker("devchain")
    if mark is not None:
        chains: ChainCache = request.getfixturevalue("_devchains")
        default = {"executor": request.config.getini("devchain_executor")}
        chain = chains.get(**{**default, **mark.kwargs})
    with chain.isolated():
        yield chain


@pytest.fixture
def devchain_w3(devchain: "InProcessChain") -> "Web3":
    """web3.py on `devchain`; the first account sends by default."""
    return devchain.w3()


@pytest.fixture
def devchain_async_w3(devchain: "InProcessChain") -> "AsyncWeb3[Any]":
    """The asynchronous web3.py on `devchain`; any event loop may use it."""
    return devchain.async_w3()


@pytest.fixture
def devchain_accounts(devchain: "InProcessChain") -> "list[LocalAccount]":
    """The ten accounts with their keys."""
    return devchain.accounts


@pytest.fixture
def make_qbft_network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., "QbftNetwork"]]:
    """`make_qbft_network(validators=4, seed=None, **settings)`: running validators."""
    made: list[QbftNetwork] = []
    shown = request.node.stash.setdefault(NETWORKS, [])

    def make(
        validators: int = 4, seed: int | None = None, **settings: Any
    ) -> "QbftNetwork":
        from node.testing.network import QbftNetwork

        directory = tmp_path_factory.mktemp("qbft")
        network = QbftNetwork(directory, validators, seed, settings)
        made.append(network)
        shown.append(network)
        network.start()
        return network

    yield make
    for network in made:
        network.stop()


@pytest.fixture
def qbft_network(
    request: pytest.FixtureRequest, make_qbft_network: Callable[..., "QbftNetwork"]
) -> "QbftNetwork":
    """A running network of real validators, as the mark `qbft` says."""
    return make_qbft_network(**_qbft_arguments(request))


@pytest.fixture
def qbft_simulation(request: pytest.FixtureRequest) -> "QbftSimulation":
    """A network in virtual time: name its faults, then `run` it."""
    from node.testing.simulated import QbftSimulation

    simulation = QbftSimulation(**_qbft_arguments(request))
    request.node.stash.setdefault(NETWORKS, []).append(simulation)
    return simulation


def _qbft_arguments(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Those of the mark `qbft`."""
    mark = request.node.get_closest_marker("qbft")
    arguments = {} if mark is None else dict(mark.kwargs)
    if mark is not None and mark.args:
        arguments.setdefault("validators", mark.args[0])
    return arguments
