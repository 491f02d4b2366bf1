"""The same questions to every shop: vectors, and what a shop must offer to be asked.

A shop joins by implementing `ShopAdapter`; `run_vector` then returns how its answers
differ from the expected ones. The contract joins through `ContractAdapter`, whichever
way its transactions are executed; `conformance.node` is the way through JSON-RPC.
"""

from shop_contract.conformance.adapter import Ability, Handle, OrderView, ShopAdapter
from shop_contract.conformance.contract import ContractAdapter, ContractBackend, Sent
from shop_contract.conformance.model import ModelAdapter
from shop_contract.conformance.runner import OPENING, run_vector
from shop_contract.conformance.vectors import Vector, load_vectors

__all__ = [
    "OPENING",
    "Ability",
    "ContractAdapter",
    "ContractBackend",
    "Handle",
    "ModelAdapter",
    "OrderView",
    "Sent",
    "ShopAdapter",
    "Vector",
    "load_vectors",
    "run_vector",
]
