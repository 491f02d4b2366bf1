"""Every vector, asked of the rules and of the deployed contract."""

import pytest

from shop_contract.conformance import (
    ContractAdapter,
    ModelAdapter,
    Vector,
    load_vectors,
    run_vector,
)
from shop_contract.rules import Reason
from tests.shop_contract.chain_shop import EvmShop

VECTORS = load_vectors()
# Reasons that no sequence of a vector's operations can provoke; each is tested where
# it can be: hostile receivers in test_hostile.py, the zero address in test_contract.py.
OUT_OF_REACH = {Reason.PAYMENT_FAILED, Reason.INVALID_ACCOUNT}


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_the_rules_answer_as_the_vector_says(vector: Vector) -> None:
    assert run_vector(vector, ModelAdapter()) == []


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v.needs <= ContractAdapter.ABILITIES], ids=str
)
def test_the_contract_answers_as_the_vector_says(vector: Vector) -> None:
    assert run_vector(vector, ContractAdapter(EvmShop())) == []


def test_every_reason_is_provoked_by_some_vector() -> None:
    expected = {
        step["expect"].removeprefix("rejected: ")
        for vector in VECTORS
        for step in vector.steps
        if step.get("expect", "ok") != "ok"
    }
    assert expected == set(Reason) - OUT_OF_REACH


def test_the_contract_runs_all_vectors_but_those_of_two_steps() -> None:
    left_out = [v for v in VECTORS if not v.needs <= ContractAdapter.ABILITIES]
    assert {v.name.split(":")[0] for v in left_out} == {"two_steps"}
