"""Microseconds of CPU per order on both executors: `python -m` this package."""

from node.execution.bench_engine.workload import (
    CHAIN_ID,
    ORDERS,
    Orders,
    contract_code,
)

__all__ = ["CHAIN_ID", "ORDERS", "Orders", "contract_code"]
