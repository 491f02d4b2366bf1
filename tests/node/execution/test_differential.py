"""The native executor and the reference, block by block: roots, receipts, errors.

Blocks are made by Hypothesis from programs that do everything (`programs`). What
differs in one step differs in every root after it, so few blocks say much.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.execution.pyevm import PyEvmExecutor
from tests.node.execution.differential import Pair, genesis_with
from tests.node.execution.programs import BROKEN, SOUND, blocks, programs

native = pytest.importorskip(
    "chandlery_native", reason="the native executor is not installed"
)

FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MANY = settings(FEW, max_examples=2_000)
CODES = st.lists(programs(), min_size=4, max_size=4)


def compare(codes, plans, data: bytes) -> None:
    from node.execution.native import NativeExecutor

    genesis = genesis_with(codes)
    with tempfile.TemporaryDirectory() as folder:
        first = PyEvmExecutor(Path(folder) / "first", genesis)
        second = NativeExecutor(Path(folder) / "second", genesis)
        try:
            pair = Pair(first, second, genesis)
            for plan in plans:
                pair.block(plan)
            pair.calls(data)
        finally:
            first.close()
            second.close()


@given(CODES, blocks, st.binary(max_size=40))
@FEW
def test_both_executors_say_the_same(codes, plans, data):
    compare(codes, plans, data)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@given(CODES, blocks, st.binary(max_size=40))
@MANY
def test_both_executors_say_the_same_of_many_blocks(codes, plans, data):
    compare(codes, plans, data)


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_both_refuse_the_same_invalid_transactions(broken):
    compare([b""] * 4, [[SOUND, broken], [broken, SOUND]], b"")
