"""Shopping on a chain: signed transactions in, final blocks out.

An order is acknowledged when a block that holds it is final and its receipt says that
it succeeded; until then nothing is promised. A retry sends the same signed bytes to
another node, which cannot place a second order. Reads are answered by one node and are
worth what that node is worth: "node-trusted".
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from bench.adapters.chain import audit, provision
from bench.adapters.chain.rpc import Nodes, RpcRefusal
from bench.adapters.chain.shop import Shop, placed_of
from bench.adapters.chain.signing import Account, Signed
from bench.adapters.chain.wallet import Wallets
from bench.adapters.chain.watcher import Final, Watcher
from bench.adapters.contract import (
    Answer,
    Audit,
    Design,
    Operation,
    Outcome,
    Progress,
)
from bench.adapters.http import Broken
from bench.scenario.model import WRITES
from bench.workload.plan import Session

# What nodes say of a transaction that they, or the chain, already have.
ALREADY_THERE = ("already known", "already imported", "known transaction")
USED_NONCE = ("nonce too low", "nonce is too low")
HOPELESS = ("insufficient funds", "intrinsic gas", "invalid signature", "chain id")


class ChainAdapter:
    """A client of one chain through all its nodes."""

    reads = "node"

    def __init__(
        self,
        urls: Sequence[str],
        components: Sequence[str],
        shop: Shop,
        funders: list[Account],
        client: str,
    ) -> None:
        self._nodes = Nodes(urls, client)
        self._components = list(components)
        self._watcher = Watcher(self._nodes)
        self._shop = shop
        self._funders = funders
        self._wallets: Wallets | None = None
        self._customers: dict[str, int] = {}
        self._since = 0
        self._stock_before = 0

    async def open(self) -> None:
        """Connect and follow the chain."""
        await self._nodes.open()
        await self._watcher.open()
        # The shop is this trial's own and sells only from here on: a chain that runs
        # elsewhere may have a million blocks before.
        self._since = self._watcher.opened_at

    async def close(self) -> None:
        """Close connections."""
        await self._watcher.close()
        await self._nodes.close()

    async def catalogue(self) -> Sequence[Design]:
        """What is on sale, from the contract; the stock is kept for the audit."""
        await audit.read_shelves(self._nodes, self._shop)
        self._stock_before = self._shop.stock
        return self._shop.designs

    async def provision(
        self, plan: Sequence[Session], customers: int, progress: Progress
    ) -> dict[str, float]:
        """Fund accounts, set their addresses, sign every planned order."""
        fees = await provision.read_fees(self._nodes)
        seed = self._shop.address + plan[0].steps[0].reference
        accounts = [Account.derived(seed, number) for number in range(customers)]
        wallets = self._wallets = Wallets(accounts, fees)
        self._customers = wallets.numbers
        wallets.start_at(await provision.nonces_of(self._nodes, accounts))
        chain = provision.Chain(self._nodes, self._watcher, self._shop)
        await provision.fund(chain, self._funders, wallets, fees, progress)
        await provision.set_profiles(chain, wallets, progress)
        order = provision.first_order(plan)
        if order is not None:
            buyer = accounts[order[0].customer]
            call = self._shop.call_of(*order)
            await provision.estimate_place(chain, buyer, call)
        progress("signing the planned orders")
        wallets.sign_plan(plan, WRITES, self._shop.call_of)
        self._watcher.blocks.clear()
        return {
            "accounts": float(customers),
            "transactions_signed": float(wallets.signed_count),
            "signing_cpu_s": wallets.signing_cpu_s,
            "gas_limit_of_an_order": float(self._shop.gas["place"]),
        }

    def accounts(self) -> dict[str, int]:
        """Customers by address."""
        return dict(self._customers)

    def adopt(self, accounts: dict[str, int]) -> None:
        """Customers whose wallets other clients hold."""
        self._customers = dict(accounts)
        self._watcher.blocks.clear()

    async def perform(self, operation: Operation) -> Answer:
        """One attempt at one operation."""
        is_write = operation.step.operation in WRITES
        # A retry goes to the next node: the last one may be the reason for it.
        home = operation.session.customer + operation.attempt - 1
        node = self._nodes.choose(home)
        try:
            if is_write:
                return await self._transact(operation, node)
            return await self._read(operation, node)
        except Broken as broken:
            return broken.answer(is_write)
        except RpcRefusal as refusal:
            return Answer(Outcome.FAILED, retryable=True, error=str(refusal)[:120])

    async def _read(self, operation: Operation, node: int) -> Answer:
        shop, step = self._shop, operation.step
        account = self._accounts().accounts[operation.session.customer]
        match step.operation:
            case "browse":
                shape = shop.designs[step.design].shape
                calls = [shop.view("catalogue_version"), shop.view("shelf", shape)]
            case "track":
                calls = [shop.view("order", int(operation.order or 0))]
            case _:
                calls = [shop.view("profile", account.address)]
        for result in await self._nodes.batch(node, calls):
            if isinstance(result, RpcRefusal):
                raise result
        return Answer(Outcome.OK)

    async def _transact(self, operation: Operation, node: int) -> Answer:
        """Send, and wait for the final block; cancelled at the attempt's timeout."""
        wallets, session = self._accounts(), operation.session
        signed = wallets.transaction(session, operation.position, self._shop.call_of)
        future = self._watcher.expect(signed.digest)
        with wallets.attempt(signed):
            if not future.done():
                for earlier in wallets.rebroadcast(session.customer, signed.nonce):
                    await self._send(node, earlier)
                refused = await self._send(node, signed)
                if refused is not None and not future.done():
                    return refused
                if operation.accepted_ns is None:
                    operation.accepted_ns = time.monotonic_ns()
            # Shielded: the next attempt awaits the same future.
            final = await asyncio.shield(future)
        wallets.resolved(session.customer, signed)
        return _answer(operation, final)

    async def _send(self, node: int, signed: Signed) -> Answer | None:
        """Hand one transaction to a node; an answer only if it did not take it."""
        wallets = self._accounts()
        try:
            await self._nodes.call(node, "eth_sendRawTransaction", signed.raw)
            wallets.sent(signed)
        except asyncio.CancelledError:
            wallets.sent(signed)
            raise
        except Broken as broken:
            if broken.sent:
                wallets.sent(signed)
            raise
        except RpcRefusal as refusal:
            words = str(refusal).lower()
            if any(phrase in words for phrase in ALREADY_THERE):
                wallets.sent(signed)
                return None
            if any(phrase in words for phrase in USED_NONCE):
                if await self._watcher.look_up(node, signed.digest):
                    return None
                return Answer(Outcome.UNKNOWN, retryable=True, error=words[:120])
            hopeless = any(phrase in words for phrase in HOPELESS)
            return Answer(Outcome.FAILED, retryable=not hopeless, error=words[:120])
        return None

    async def audit(self) -> Audit:
        """Orders, money and stock from the chain, and every node's own word."""
        orders = await audit.read_orders(
            self._nodes, self._shop, self._customers, self._since
        )
        held = await audit.read_money(self._nodes, self._shop)
        lowest = await audit.read_shelves(self._nodes, self._shop)
        return Audit(
            orders,
            held=held,
            stock_taken=self._stock_before - self._shop.stock,
            stock_lowest=lowest,
            witnesses=await audit.read_witnesses(
                self._nodes, self._shop, self._components
            ),
        )

    def observations(self) -> list[dict[str, Any]]:
        """Every block of the load, and what was signed while it ran."""
        anew = 0 if self._wallets is None else self._wallets.signed_anew
        return [*self._watcher.blocks, {"signed_anew": anew}]

    def _accounts(self) -> Wallets:
        assert self._wallets is not None, "provision() comes first"
        return self._wallets


def _answer(operation: Operation, final: Final) -> Answer:
    if not final.succeeded:
        return Answer(Outcome.FAILED, error="reverted", final_ns=final.final_ns)
    if operation.step.operation != "place_order":
        return Answer(Outcome.OK, final_ns=final.final_ns)
    placed = next(filter(None, map(placed_of, final.logs)), None)
    if placed is None:
        return Answer(Outcome.FAILED, error="no OrderPlaced", final_ns=final.final_ns)
    return Answer(
        Outcome.OK,
        order=str(placed["order_id"]),
        amount=placed["total"],
        final_ns=final.final_ns,
    )
