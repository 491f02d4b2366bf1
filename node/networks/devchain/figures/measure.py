"""The measurements: each returns numbers and judges nothing.

An order is the one of `node.execution.bench_engine`: five new slots, a counter and a
log, by one of 250 senders. "Sequential" means that the next one is sent when the
receipt of the one before is here.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from node.execution.bench_engine import CHAIN_ID, ORDERS, Orders, contract_code
from node.networks.devchain.figures.client import (
    Client,
    ClientError,
    DevProcess,
    batch,
    request,
    result_of,
)
from node.networks.devchain.node import DevNode, DevSettings

BALANCE = hex(10**24)
STARTS = 5

Ask = Callable[[bytes], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class Rate:
    """Orders a second, and the server's CPU for one."""

    per_s: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Resets:
    """Milliseconds of one reset, and what the process grew by in all of them."""

    p50_ms: float
    p95_ms: float
    growth_bytes: int


def words(executor: str) -> list[str]:
    """Arguments of `chandlery dev` for these measurements."""
    return ["--executor", executor, "--chain-id", str(CHAIN_ID)]


def ready_s(executor: str) -> float:
    """Median of the seconds from the command to a listening chain."""
    took = []
    for _ in range(STARTS):
        with DevProcess(*words(executor)) as dev:
            took.append(dev.ready_s)
    return statistics.median(took)


def sequential(dev: DevProcess, client: Client, orders: Orders, count: int) -> Rate:
    """One order and its receipt after the other, over HTTP."""
    bodies = [_sends(raw) for raw in orders.take(count)]
    before, began = dev.cpu_s(), time.perf_counter()
    for body in bodies:
        sent = result_of(client.post(body))
        _check(result_of(client.post(request("eth_getTransactionReceipt", sent))))
    return _rate(count, time.perf_counter() - began, dev.cpu_s() - before)


def batched(
    dev: DevProcess, client: Client, orders: Orders, size: int, batches: int
) -> Rate:
    """Batches of orders over HTTP, each sent when the one before is in a block."""
    bodies = []
    for _ in range(batches):
        raws = ["0x" + raw.hex() for raw in orders.take(size)]
        bodies.append(batch("eth_sendRawTransaction", raws))
    before, began = dev.cpu_s(), time.perf_counter()
    for body in bodies:
        sent = result_of(client.post(body))
    spent = time.perf_counter() - began, dev.cpu_s() - before
    _check(client.ask("eth_getTransactionReceipt", sent[-1]))
    return _rate(size * batches, *spent)


async def in_process(executor: str, count: int) -> Rate:
    """`sequential` without a socket: bytes to bytes through the dispatcher."""
    node, orders = await _opened(executor)
    ask = node.dispatcher.answer
    try:
        bodies = [_sends(raw) for raw in orders.take(count)]
        cpu, began = time.process_time(), time.perf_counter()
        for body in bodies:
            sent = await _result(ask, body)
            receipt = request("eth_getTransactionReceipt", sent)
            _check(await _result(ask, receipt))
        spent = time.perf_counter() - began, time.process_time() - cpu
    finally:
        await node.close()
    return _rate(count, *spent)


async def resets(executor: str, count: int) -> Resets:
    """What happens between two tests: back to the snapshot, and a new one; a test here
    edits an account and sends an order."""
    node, orders = await _opened(executor)
    ask = node.dispatcher.answer
    try:
        bodies = _first_orders(orders, count)
        took: list[float] = []
        process = psutil.Process()
        before = 0
        snapshot = await _result(ask, request("evm_snapshot"))
        for turn in range(count):
            if turn == count // 10:  # what a process needs once is in use by now
                before = process.memory_info().rss
            await _result(ask, request("anvil_setBalance", f"0x{turn:040x}", BALANCE))
            await _result(ask, bodies[turn])
            began = time.perf_counter()
            if not await _result(ask, request("evm_revert", snapshot)):
                raise ClientError(f"snapshot {snapshot} is gone")
            snapshot = await _result(ask, request("evm_snapshot"))
            took.append(time.perf_counter() - began)
        growth = process.memory_info().rss - before
    finally:
        await node.close()
    took.sort()
    p95 = took[min(len(took) - 1, len(took) * 95 // 100)]
    return Resets(took[len(took) // 2] * 1e3, p95 * 1e3, growth)


def prepare(client: Client, orders: Orders) -> None:
    """The contract, and something for every sender to spend."""
    client.ask("anvil_setCode", _hex(ORDERS), _hex(contract_code()))
    for key in orders.keys:
        client.ask("anvil_setBalance", _hex(key.address), BALANCE)


async def _opened(executor: str) -> tuple[DevNode, Orders]:
    orders = Orders()
    node = await DevNode.open(DevSettings(executor=executor, chain_id=CHAIN_ID))
    ask = node.dispatcher.answer
    await _result(ask, request("anvil_setCode", _hex(ORDERS), _hex(contract_code())))
    for key in orders.keys:
        await _result(ask, request("anvil_setBalance", _hex(key.address), BALANCE))
    return node, orders


def _first_orders(orders: Orders, count: int) -> list[bytes]:
    """Requests with orders that differ, each the first one of its sender."""
    bodies: list[bytes] = []
    while len(bodies) < count:
        orders.nonces = [0] * len(orders.keys)
        bodies += [_sends(raw) for raw in orders.take(len(orders.keys))]
    return bodies[:count]


async def _result(ask: Ask, body: bytes) -> object:
    return result_of(await ask(body) or b"null")


def _sends(raw: bytes) -> bytes:
    return request("eth_sendRawTransaction", _hex(raw))


def _check(receipt: object) -> None:
    if not isinstance(receipt, dict) or receipt.get("status") != "0x1":
        raise ClientError(f"an order failed: {receipt}")


def _rate(count: int, wall_s: float, cpu_s: float) -> Rate:
    return Rate(count / wall_s, cpu_s / count * 1e6)


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
