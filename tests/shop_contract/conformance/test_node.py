"""Vectors through JSON-RPC: the backend gives the same answers as the bare EVM."""

import pytest
from eth_account import Account

from shop_contract.conformance import (
    ContractAdapter,
    Vector,
    load_vectors,
    run_vector,
)
from shop_contract.conformance.node import ABILITIES, NodeBackend
from shop_contract.errors import ShopError
from tests.shop_contract.rpc_node import RpcNode

ACCOUNTS = [Account.from_key(bytes([number]) * 32) for number in range(1, 8)]
# One of each file; every further one costs a second and says no more of the backend.
CHOSEN = {
    "placing: the payment must be exact: one less, one more, none, double",
    "lifecycle: from placing to delivery",
    "money: the owner withdraws what was delivered and leaves the escrow",
    "keeping: the shop changes hands in two steps",
    "batches: the orders of a batch share the shelf",
}
VECTORS = [vector for vector in load_vectors() if vector.name in CHOSEN]


def test_the_chosen_vectors_exist() -> None:
    assert len(VECTORS) == len(CHOSEN)
    assert all(vector.needs <= ABILITIES for vector in VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_the_shop_on_a_node_answers_as_the_vector_says(vector: Vector) -> None:
    with RpcNode() as node:
        adapter = ContractAdapter(NodeBackend(node.url, ACCOUNTS), ABILITIES)
        assert run_vector(vector, adapter) == []


def test_too_few_accounts_are_told() -> None:
    with RpcNode() as node:
        backend = NodeBackend(node.url, ACCOUNTS[:1])
        with pytest.raises(ShopError, match="more funded accounts"):
            backend.address("alice")
