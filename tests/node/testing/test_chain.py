"""The dev chain in the process of the tests, asked directly."""

from collections.abc import Iterator

import pytest

from node.execution.select import choose
from node.testing.chain import ChainCache, DevChainError, InProcessChain

AT = "0x" + "77" * 20


@pytest.fixture(scope="module")
def cache() -> Iterator[ChainCache]:
    made = ChainCache()
    yield made
    made.close()


@pytest.fixture
def chain(cache: ChainCache) -> InProcessChain:
    return cache.get()


def test_it_runs_on_the_fastest_executor_that_is_installed(
    chain: InProcessChain,
) -> None:
    assert chain.executor == choose("auto")
    assert chain.request("web3_clientVersion").endswith("/" + chain.executor)


def test_another_executor_is_another_chain(
    cache: ChainCache, chain: InProcessChain
) -> None:
    other = cache.get(executor="pyevm")
    assert other.executor == "pyevm"
    chain.set_balance(AT, 5)
    assert other.request("eth_getBalance", AT, "latest") == "0x0"
    assert cache.get(executor="pyevm") is other


def test_whatever_happens_inside_is_undone(chain: InProcessChain) -> None:
    before = chain.request("eth_getBlockByNumber", "latest", False)
    with chain.isolated():
        chain.set_balance(AT, 7)
        chain.mine(3)
        chain.impersonate(AT)
        chain.request("evm_setAutomine", False)
    assert chain.request("eth_getBlockByNumber", "latest", False) == before
    assert chain.request("anvil_getAutomine") is True
    with pytest.raises(DevChainError, match="no signer"):
        chain.request("eth_sendTransaction", {"from": AT, "to": AT})
