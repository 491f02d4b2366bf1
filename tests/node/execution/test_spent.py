"""What a process says of the CPU that its native executors spent."""

import sys

import pytest

from node.execution import spent
from node.execution.select import open_executor
from tests.node.execution.local_chain import LocalChain, genesis_for
from tests.node.execution.signing import Draft, address_of


def test_a_block_costs_time_in_every_phase_that_it_passes(tmp_path):
    pytest.importorskip("chandlery_native", reason="the native executor is not there")
    genesis = genesis_for()
    chain = LocalChain(open_executor("native", tmp_path, genesis), genesis)
    before = spent.cpu_s()
    chain.add(Draft(address_of("bob"), value=1, gas=21_000).sign("alice"))
    after = spent.cpu_s()
    chain.executor.close()
    for phase in ("recover", "execute", "roots", "commit"):
        assert after[phase] > before[phase]


def test_a_process_without_the_package_says_nothing(monkeypatch):
    monkeypatch.delitem(sys.modules, "chandlery_native", raising=False)
    assert spent.cpu_s() == {}
