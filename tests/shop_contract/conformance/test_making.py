"""Random vectors: drawn from a seed, answered by the rules, asked of the contract."""

import pytest

from shop_contract.conformance import ContractAdapter, ModelAdapter, run_vector
from shop_contract.conformance.making import made_vector
from shop_contract.rules import Action
from tests.shop_contract.chain_shop import EvmShop

LENGTH = 50
SEEDS = range(8)


def test_a_seed_stands_for_its_vector() -> None:
    assert made_vector(7, 30) == made_vector(7, 30)
    assert made_vector(7, 30) != made_vector(8, 30)


def test_every_operation_is_drawn_and_both_taken_and_refused() -> None:
    steps = [s for seed in range(60) for s in made_vector(seed, 60, True).steps]
    taken = {step["op"] for step in steps if "expect" not in step}
    refused = {step["op"] for step in steps if "expect" in step}
    assert set(Action) < taken & refused
    assert {"place", "place_batch", "place_unpaid", "withdraw"} < taken & refused
    assert {"transfer_ownership", "accept_ownership"} < taken & refused


@pytest.mark.parametrize("seed", SEEDS)
def test_the_contract_answers_as_the_rules_do(seed: int) -> None:
    vector = made_vector(seed, LENGTH)
    assert run_vector(vector, ContractAdapter(EvmShop())) == []


def test_the_answers_are_the_rules_own() -> None:
    assert run_vector(made_vector(1, LENGTH, True), ModelAdapter()) == []
