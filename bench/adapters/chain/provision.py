"""Before the load: customers get an account, money, a delivery address, signatures.

Money comes from the funded accounts that the network's folder holds, by plain
transfers. Nothing here is part of any latency; how long it took is reported apart.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.adapters.chain.rpc import Nodes, RpcRefusal
from bench.adapters.chain.shop import GAS_MARGIN, Shop
from bench.adapters.chain.signing import TRANSFER_GAS, Account, Call, Fees, Signed
from bench.adapters.chain.wallet import Wallets
from bench.adapters.chain.watcher import Watcher
from bench.adapters.contract import Progress
from bench.errors import BenchError
from bench.workload.delivery import sealed_address
from bench.workload.plan import Session

FEE_HEADROOM = 50  # times the price of gas at the start: blocks may fill up
PURSE_WEI = 5 * 10**18
FINAL_TIMEOUT_S = 120.0
STRIDE = 200  # transactions under way at once


@dataclass(frozen=True, slots=True)
class Chain:
    """What provisioning works with."""

    nodes: Nodes
    watcher: Watcher
    shop: Shop


async def read_fees(nodes: Nodes) -> Fees:
    """The chain's id and a fee limit that blocks filling up will not outgrow soon."""
    chain_id = int(await nodes.anywhere("eth_chainId"), 16)
    price = int(await nodes.anywhere("eth_gasPrice"), 16)
    priority = int(await nodes.anywhere("eth_maxPriorityFeePerGas"), 16)
    # Where gas is free some nodes advise a tip all the same; no tip may exceed the fee.
    most = price * FEE_HEADROOM
    return Fees(chain_id, most, min(priority, most))


def read_funders(path: Path) -> list[Account]:
    """The funded accounts of a network's folder."""
    try:
        rows = json.loads(path.read_text())
        return [Account(bytes.fromhex(row["private_key"][2:])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(
            f"{path}: {error!r}; it must hold funded accounts with private keys"
        ) from None


async def nonces_of(nodes: Nodes, accounts: Sequence[Account]) -> list[int]:
    """The next nonce of each account."""
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("eth_getTransactionCount", (account.address, "pending"))
        for account in accounts
    ]
    results = await nodes.batch(0, calls)
    for result in results:
        if isinstance(result, RpcRefusal):
            raise result
    return [int(result, 16) for result in results]


async def fund(
    chain: Chain,
    funders: list[Account],
    wallets: Wallets,
    fees: Fees,
    progress: Progress,
) -> None:
    """A purse for every customer, from the funders in turn."""
    nonces = await nonces_of(chain.nodes, funders)
    transfers = []
    for number, customer in enumerate(wallets.accounts):
        funder = number % len(funders)
        call = Call(customer.address_bytes, PURSE_WEI, b"", TRANSFER_GAS)
        transfers.append(funders[funder].sign(fees, nonces[funder], call))
        nonces[funder] += 1
    await send_all(chain, transfers, "customers funded", progress)


async def set_profiles(chain: Chain, wallets: Wallets, progress: Progress) -> None:
    """A delivery address for every customer."""
    account = wallets.accounts[0]
    call = chain.shop.profile_call(sealed_address(0, 0))
    await _estimate(chain, "set_profile", account, call)
    signed = [
        wallets.sign_next(number, chain.shop.profile_call(sealed_address(number, 0)))
        for number in range(len(wallets.accounts))
    ]
    await send_all(chain, signed, "addresses set", progress)


def first_order(plan: Sequence[Session]) -> tuple[Session, int] | None:
    """The first order of a plan, as its visit and step; None if nobody orders."""
    for session in plan:
        for position, step in enumerate(session.steps):
            if step.operation == "place_order":
                return session, position
    return None


async def estimate_place(chain: Chain, account: Account, call: Call) -> None:
    """Learn what gas limit an order needs on this chain."""
    await _estimate(chain, "place", account, call)


async def _estimate(chain: Chain, function: str, account: Account, call: Call) -> None:
    request = {
        "from": account.address,
        "to": "0x" + call.to.hex(),
        "value": hex(call.value),
        "data": "0x" + call.data.hex(),
    }
    used = int(await chain.nodes.anywhere("eth_estimateGas", request), 16)
    chain.shop.gas[function] = int(used * GAS_MARGIN)


async def send_all(
    chain: Chain, transactions: Sequence[Signed], what: str, progress: Progress
) -> None:
    """Send and wait until all are final and succeeded; BenchError otherwise."""
    for first in range(0, len(transactions), STRIDE):
        chunk = transactions[first : first + STRIDE]
        waiting = [chain.watcher.expect(signed.digest) for signed in chunk]
        calls: list[tuple[str, tuple[Any, ...]]] = [
            ("eth_sendRawTransaction", (signed.raw,)) for signed in chunk
        ]
        for result in await chain.nodes.batch(0, calls):
            if isinstance(result, RpcRefusal):
                raise BenchError(f"the chain refuses a transaction: {result}")
        try:
            async with asyncio.timeout(FINAL_TIMEOUT_S):
                finals = await asyncio.gather(*waiting)
        except TimeoutError:
            raise BenchError(
                f"transactions are not final after {FINAL_TIMEOUT_S:g} s; "
                "does the chain make blocks? See: chandlery doctor"
            ) from None
        if not all(final.succeeded for final in finals):
            raise BenchError(f"a transaction reverted while {what}")
        progress(f"{first + len(chunk)} of {len(transactions)} {what}")
