"""Which executor is opened, and what is said when it cannot be."""

import subprocess
import sys

import pytest

from node.execution import select
from node.execution.pyevm import PyEvmExecutor
from node.execution.select import ExecutorUnavailable, choose, open_executor
from tests.node.execution.local_chain import genesis_for


def without(*absent: str):
    """A find_spec that knows every module but these."""
    return lambda name: None if name in absent else object()


def test_auto_prefers_the_native_one(monkeypatch):
    monkeypatch.setattr(select, "find_spec", without())
    assert choose("auto") == "native"
    monkeypatch.setattr(select, "find_spec", without("chandlery_native"))
    assert choose("auto") == "pyevm"


@pytest.mark.parametrize(
    ("kind", "absent", "says"),
    [
        ("geth", (), "choose one of auto, native, pyevm"),
        ("native", ("chandlery_native",), "pip install ./node/execution/rust"),
        ("pyevm", ("eth",), "pip install py-evm"),
    ],
)
def test_what_cannot_be_opened_says_what_to_do(monkeypatch, kind, absent, says):
    monkeypatch.setattr(select, "find_spec", without(*absent))
    with pytest.raises(ExecutorUnavailable, match=says):
        choose(kind)


def test_an_executor_does_not_verify_itself(tmp_path):
    with pytest.raises(ExecutorUnavailable, match="cannot verify itself"):
        open_executor("pyevm", tmp_path, genesis_for(), verify_with="pyevm")
    again = open_executor("pyevm", tmp_path, genesis_for())  # it was closed
    assert isinstance(again, PyEvmExecutor)
    again.close()


def test_choosing_loads_no_py_evm():
    program = (
        "import sys, node.execution.select, node.execution.verifying;"
        "import node.execution.validation;"
        "print([m for m in ('eth',) if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
