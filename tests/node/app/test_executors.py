"""A node's executor as its operator sets it: states kept, verified, without py-evm."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.networks.layout import DEMO_BALANCE_WEI
from tests.node.app.one_node import SETTLED_S, OneNode
from tests.node.execution.assembler import code, initcode
from tests.node.execution.signing import address_of

pytest.importorskip("chandlery_native", reason="the native executor is not installed")

BOB = "0x" + address_of("bob").hex()
BLOCKS = 6
# Keccak of a word costs a little more, in py-evm alone.
COSTLIER_KECCAK = """
import eth.constants
eth.constants.GAS_SHA3WORD += 1
"""
HASHING = code(32, 0, "KECCAK256", 0, "SSTORE")  # of a creation
# What is installed for the sake of py-evm and of nothing else.
WITHOUT_PYEVM = """
import sys

ABSENT = {"eth", "py_ecc", "ckzg", "eth_bloom", "trie", "lru", "cached_property"}


class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            return None
        return self.finder.find_spec(name, path, target)


sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""

Make = Callable[..., OneNode]


@pytest.fixture
def node_with(tmp_path: Path) -> Iterator[Make]:
    """Makes a node that ends with the test."""
    made: list[OneNode] = []

    def make(**settings: Any) -> OneNode:
        named = {key.replace("__", "."): value for key, value in settings.items()}
        made.append(OneNode(tmp_path / "net", named))
        return made[-1]

    yield make
    for node in made:
        node.end()


def balances(node: OneNode) -> list[int | str]:
    """Bob's wealth after each block from genesis on, or why it is not told."""
    found: list[int | str] = []
    for height in range(BLOCKS + 1):
        answer = node.answer("eth_getBalance", BOB, hex(height))
        if "error" in answer:
            found.append(answer["error"]["message"])
        else:
            found.append(int(answer["result"], 16) - DEMO_BALANCE_WEI)
    return found


@pytest.mark.parametrize("kind", ["native", "pyevm"])
def test_an_archive_answers_for_every_state(node_with: Make, kind: str) -> None:
    node = node_with(
        executor__kind=kind, storage__archive=True, storage__state_window=1
    )
    node.start()
    assert [node.pay() for _ in range(BLOCKS)] == list(range(1, BLOCKS + 1))
    assert balances(node) == list(range(BLOCKS + 1))
    assert node.stop() == 0
    node.start()
    assert balances(node) == list(range(BLOCKS + 1))


@pytest.mark.parametrize("kind", ["native", "pyevm"])
def test_a_window_answers_for_its_states_and_says_that_others_are_gone(
    node_with: Make, kind: str
) -> None:
    node = node_with(
        executor__kind=kind, storage__archive=False, storage__state_window=2
    )
    node.start()
    for _ in range(BLOCKS):
        node.pay()
    for _ in range(2):
        *gone, before, last = balances(node)
        assert (before, last) == (BLOCKS - 1, BLOCKS)
        for height, message in enumerate(gone):
            assert f"the state of block {height} is pruned" in str(message)
            assert "[storage] archive = true keeps all" in str(message)
        assert node.stop() == 0
        node.start()


def test_verification_halts_the_node_when_a_gas_constant_differs(
    node_with: Make,
) -> None:
    node = node_with()
    words = ("--executor", "native", "--verify-with", "pyevm")
    node.start(*words, before=COSTLIER_KECCAK)
    assert node.pay() == 1  # both agree on what hashes nothing
    node.send(data=HASHING, gas=200_000)
    assert node.process is not None
    assert node.process.wait(SETTLED_S) == 3
    report = node.log.splitlines()[-1]
    assert "the executors disagree on the block built at 2" in report
    assert "native says valid, state root 0x" in report
    assert "pyevm says invalid: block 2: " in report
    assert "gas used is" in report
    # What was not agreed upon was not committed: with the right constant it goes on.
    node.start(*words)
    assert node.ask("eth_blockNumber") == "0x1"
    created = node.receipt(node.send(data=HASHING, gas=200_000))
    assert created["status"] == "0x1"
    assert node.stop() == 0


def test_a_native_node_needs_nothing_of_py_evm(node_with: Make) -> None:
    node = node_with()
    node.start(before=WITHOUT_PYEVM)
    assert "on executor native" in node.log
    seven = code(7, 0, "MSTORE", 32, 0, "RETURN")
    made = node.receipt(node.send(data=initcode(seven), gas=200_000))
    at = made["contractAddress"]
    call = {"from": BOB, "to": at}
    assert int(node.ask("eth_call", call, "latest"), 16) == 7
    assert int(node.ask("eth_estimateGas", call), 16) > 21_000
    assert node.ask("eth_createAccessList", call)["accessList"] == []
    assert node.ask("eth_getProof", at, ["0x0"], "latest")["address"] == at
    receipt = node.receipt(node.send(bytes.fromhex(at[2:]), gas=50_000))
    assert (receipt["status"], receipt["to"]) == ("0x1", at)
    digest = receipt["transactionHash"]
    steps = node.ask("debug_traceTransaction", digest)["structLogs"]
    assert [step["op"] for step in steps][-1] == "RETURN"
    tree = node.ask("debug_traceTransaction", digest, {"tracer": "callTracer"})
    assert int(tree["output"], 16) == 7
    assert node.stop() == 0
    ended = node.run("--verify-with", "pyevm", before=WITHOUT_PYEVM)
    assert ended.returncode == 2
    assert "py-evm is not installed" in ended.stdout
