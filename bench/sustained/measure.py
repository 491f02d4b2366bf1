"""Orders a second that a running network sustains: `chandlery bench sustained DIR`.

A plain engine figure beside the comparison: orders are signed beforehand, submitted at
a constant rate in batches over all nodes, and final when a block holds them. Latency
runs from the submission that was planned. Every receipt counts: an order that reverted
is no order. Printed: orders/s, finality latency, CPU per order and component, also in
recoveries of a key on the same core in the same minute (`bench.yardstick`); on request
where it goes, by thread and phase (`bench.sustained.meter`).
"""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_abi.exceptions import DecodingError

from bench.adapters.chain.provision import nonces_of, read_fees, read_funders
from bench.adapters.chain.rpc import Nodes, RpcRefusal
from bench.adapters.chain.signing import Account, Call, Fees, Signed
from bench.control import Control
from bench.errors import BenchError
from bench.sustained.meter import Meter, Reading, profile_of
from bench.yardstick import recovery_us
from shop_contract.codec import decode_result, encode_call

ORDER_GAS = 300_000
ENVELOPE = bytes([1]) * 192
POLL_S = 0.02
FINAL_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of the network."""

    directory: Path
    shop: str
    rate: float
    seconds: float
    batch: int
    profile: bool = False


@dataclass(slots=True)
class Progress:
    """What has happened so far; times are monotonic seconds."""

    sent: dict[str, float] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    reverted: int = 0
    blocks: int = 0
    recovery_us: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """A running network, and what measures it."""

    nodes: Nodes
    meter: Meter


@contextlib.asynccontextmanager
async def opened(plan: Plan) -> AsyncIterator[Target]:
    """The network of a folder. Raises BenchError."""
    try:
        descriptor = json.loads((plan.directory / "descriptor.json").read_text())
        endpoints, socket = descriptor["endpoints"], str(descriptor["control"])
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(
            f"{plan.directory} is no running network ({error!r}): start one with "
            f"`chandlery network up {plan.directory}`"
        ) from None
    nodes, control = Nodes([row["url"] for row in endpoints]), Control(socket)
    names = tuple(row["component"] for row in endpoints)
    await nodes.open()
    try:
        yield Target(nodes, Meter(control, nodes, names, plan.profile))
    finally:
        await nodes.close()
        await control.close()


async def measure(plan: Plan) -> dict[str, Any]:
    """Run the plan; the figures as a JSON-able document. Raises BenchError."""
    async with opened(plan) as target:
        nodes = target.nodes
        orders = await _sign(plan, nodes)
        progress = Progress()
        progress.recovery_us.append(recovery_us())
        before = await target.meter.read()
        begun = time.monotonic()
        watcher = asyncio.create_task(watch(nodes, progress, len(orders)))
        await _submit(plan, nodes, orders, progress)
        with contextlib.suppress(TimeoutError):  # what is missing is in the figures
            await asyncio.wait_for(watcher, FINAL_TIMEOUT_S)
        ended = max(progress.final.values(), default=time.monotonic())
        after = await target.meter.read()
        progress.recovery_us.append(recovery_us())
    return _figures(plan, progress, ended - begun, (before, after))


async def _sign(plan: Plan, nodes: Nodes) -> list[Signed]:
    accounts = read_funders(plan.directory / "accounts.json")[1:]
    fees = await read_fees(nodes)
    nonces = await nonces_of(nodes, accounts)
    price = await price_at(nodes, plan.shop)
    signed = []
    for number in range(int(plan.rate * plan.seconds)):
        at = number % len(accounts)
        signed.append(sign_order(accounts[at], fees, nonces[at], plan.shop, price))
        nonces[at] += 1
    return signed


async def price_at(nodes: Nodes, shop: str) -> int:
    """What the first candle costs, in wei. Raises BenchError."""
    view = {"to": shop, "data": "0x" + encode_call("sku", 0, 0, 0).hex()}
    answer = await nodes.anywhere("eth_call", view, "latest")
    try:
        return int(decode_result("sku", bytes.fromhex(answer[2:]))["price"])
    except (DecodingError, ValueError, KeyError, TypeError):
        raise BenchError(
            f"no shop answers at {shop}: `chandlery shop deploy` prints its address"
        ) from None


def sign_order(
    account: Account, fees: Fees, nonce: int, shop: str, price: int
) -> Signed:
    """One candle, with a reference of its own."""
    reference = secrets.token_bytes(32)
    data = encode_call("place", 0, 0, 0, 1, price, reference, ENVELOPE)
    return account.sign(
        fees, nonce, Call(bytes.fromhex(shop[2:]), price, data, ORDER_GAS)
    )


async def _submit(
    plan: Plan, nodes: Nodes, orders: list[Signed], progress: Progress
) -> None:
    begun = time.monotonic()
    tasks = []
    for first in range(0, len(orders), plan.batch):
        planned = begun + first / plan.rate
        await asyncio.sleep(max(0.0, planned - time.monotonic()))
        node = (first // plan.batch) % len(nodes.urls)
        part = orders[first : first + plan.batch]
        for order in part:
            progress.sent[order.digest] = planned
        tasks.append(asyncio.create_task(_send(nodes, node, part, progress)))
    await asyncio.gather(*tasks)


async def _send(
    nodes: Nodes, node: int, part: list[Signed], progress: Progress
) -> None:
    calls = [("eth_sendRawTransaction", (order.raw,)) for order in part]
    for answer in await nodes.batch(node, calls):
        if isinstance(answer, RpcRefusal):
            progress.refused.append(str(answer))


async def watch(nodes: Nodes, progress: Progress, count: int) -> None:
    """Read every new block and its receipts until all that was taken is final."""
    height = int(await nodes.anywhere("eth_blockNumber"), 16)
    while len(progress.final) + len(progress.refused) < count:
        newest = int(await nodes.anywhere("eth_blockNumber"), 16)
        if newest == height:
            await asyncio.sleep(POLL_S)
        for number in range(height + 1, newest + 1):
            seen = time.monotonic()
            receipts = await nodes.anywhere("eth_getBlockReceipts", hex(number))
            progress.blocks += 1
            for receipt in receipts:
                if receipt["transactionHash"] in progress.sent:
                    progress.final[receipt["transactionHash"]] = seen
                    progress.reverted += receipt["status"] != "0x1"
        height = newest


def _figures(
    plan: Plan, progress: Progress, wall_s: float, readings: tuple[Reading, Reading]
) -> dict[str, Any]:
    before, after = readings
    cpu_s = {name: after.cpu_s[name] - before.cpu_s[name] for name in before.cpu_s}
    good = len(progress.final) - progress.reverted
    waits = sorted(
        progress.final[digest] - progress.sent[digest] for digest in progress.final
    )
    if not waits or good == 0:
        raise BenchError(f"no order became final; refused: {progress.refused[:1]}")
    per_order_us, recovery = 1e6 * sum(cpu_s.values()) / good, progress.recovery_us
    return {
        "offered_per_s": plan.rate,
        "orders": good,
        "orders_per_s": round(good / wall_s, 1),
        "refused": len(progress.refused),
        "first_refusal": progress.refused[0] if progress.refused else None,
        "reverted": progress.reverted,
        "not_final": len(progress.sent) - len(progress.final) - len(progress.refused),
        "finality_latency_ms_p50": round(1000 * waits[len(waits) // 2], 1),
        "finality_latency_ms_p99": round(1000 * waits[len(waits) * 99 // 100], 1),
        "blocks": progress.blocks,
        "cpu_us_per_order": {
            name: round(1e6 * spent / good) for name, spent in cpu_s.items()
        },
        "cpu_us_per_order_all": round(per_order_us),
        "recovery_us_before_and_after": [round(us, 1) for us in recovery],
        "cpu_per_order_in_recoveries": round(2 * per_order_us / sum(recovery), 1),
        **(profile_of(before, after, good) if plan.profile else {}),
    }
