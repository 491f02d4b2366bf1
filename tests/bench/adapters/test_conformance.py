"""Every adapter against its real target: the same questions, the same answers.

One target of each world is started by its own command and asked the same operations; a
shopper, a retry by key and an audit must come out alike.
"""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bench.adapters.contract import Adapter, Operation, Outcome
from bench.adapters.make import make_adapter
from bench.checks.orders import run_checks
from bench.compare import run_loop
from bench.history.record import Attempt, Record
from bench.scenario.load import find_scenario, load_scenario
from bench.scenario.model import CLIENTS
from bench.targets.launch import Launcher
from bench.targets.make import make_launcher
from bench.targets.process import Child, TargetError, console_command
from bench.targets.spec import parse_target
from bench.workload.plan import Session, make_plan
from shop_contract.rules import default_catalogue
from tests.bench.clients import CLIENTS_HERE

TARGETS = ("single", "validators-1")
CUSTOMERS = 3
QUICK = dataclasses.replace(load_scenario(find_scenario("quick")), customers=CUSTOMERS)


@asynccontextmanager
async def shopping(
    name: str, logs: Path, client: str
) -> AsyncIterator[tuple[Adapter, list[Session]]]:
    """A running target with an open adapter, provisioned for a few sessions."""
    launcher = make_launcher(parse_target(name), logs)
    try:
        running = await launcher.start()
        adapter = make_adapter(running.descriptor, running.folder, client)
        await adapter.open()
        try:
            designs = await adapter.catalogue()
            shelf = sorted(default_catalogue().skus.values(), key=lambda s: s.design)
            assert [(d.shape, d.size, d.scent, d.price) for d in designs] == [
                (s.design.shape, s.design.size, s.design.scent, s.price) for s in shelf
            ]
            plan = list(make_plan(QUICK, 7, len(designs))[:60])
            await adapter.provision(plan, CUSTOMERS, lambda text: None)
            yield adapter, plan
        finally:
            await adapter.close()
    finally:
        await launcher.stop()


async def act(
    adapter: Adapter,
    session: Session,
    position: int,
    order: str | None,
    attempt: int = 1,
) -> Record:
    """One attempt as the generator would record it."""
    step = session.steps[position]
    operation = Operation(session, position, step, order, attempt=attempt)
    answer = await adapter.perform(operation)
    return Record(
        session.number,
        position,
        session.customer,
        step.operation,
        step.reference,
        step.quantity,
        0,
        0,
        operation.accepted_ns,
        1,
        answer.outcome.value,
        answer.order,
        answer.amount,
        (Attempt(0, 1, answer.outcome.value, answer.error),),
    )


async def shop(name: str, logs: Path, client: str = CLIENTS[0]) -> None:
    async with shopping(name, logs, client) as (adapter, plan):
        designs = await adapter.catalogue()
        buyers = [s for s in plan if s.kind == "buyer"][:3]
        others = [s for s in plan if s.kind != "buyer"]
        records = []
        for session in (
            *buyers,
            others[0],
            next(s for s in others if len(s.steps) > 2),
        ):
            order = None
            for position in range(len(session.steps)):
                record = await act(adapter, session, position, order)
                assert record.outcome == Outcome.OK, (name, record)
                order = record.order or order
                records.append(record)
        placed = [r for r in records if r.operation == "place_order"]
        assert len({record.order for record in placed}) == len(placed) == 3
        for session, record in zip(buyers, placed, strict=True):
            step = session.steps[1]
            assert record.amount == designs[step.design].price * step.quantity

        # The same key again, as after a lost answer: the same order, not another.
        again = await act(adapter, buyers[0], 1, None, attempt=2)
        assert (again.outcome, again.order) == (Outcome.OK, placed[0].order)

        audit = await adapter.audit()
        verdict, checks = run_checks(records, audit)
        assert verdict.passes, (name, verdict)
        assert (verdict.acknowledged, verdict.there) == (3, 3)
        assert [c for c in checks if c.passed is False] == []
        assert {c.name for c in checks if c.passed} >= {
            "money conserved",
            "stock matches orders",
        }
        assert {fact.status for fact in audit.orders} == {"paid"}


@pytest.mark.parametrize("client", CLIENTS_HERE)
@pytest.mark.parametrize("name", TARGETS)
def test_a_shopper_a_retry_and_an_audit_come_out_alike(
    name: str, client: str, tmp_path: Path
) -> None:
    run_loop(shop(name, tmp_path, client))


@asynccontextmanager
async def dev_chain(logs: Path, *words: str) -> AsyncIterator[str]:
    """A development chain in a process of its own, which no launcher started; its
    URL."""
    log = logs / "dev.log"
    child = Child([*console_command(), "dev", "--port", "0", "--quiet", *words], log)
    await child.start()
    try:
        async with asyncio.timeout(30):
            while "Listening on" not in log.read_text():
                assert child.exit_code is None, child.last_words()
                await asyncio.sleep(0.05)
        yield log.read_text().split("Listening on ")[1].split()[0]
    finally:
        await child.stop()


async def test_any_json_rpc_endpoint_is_a_target_by_its_url(tmp_path: Path) -> None:
    async with dev_chain(tmp_path) as url:
        await shop(f"chain={url}", tmp_path)
        # Again on the same chain, as a second trial would: with a shop of its own.
        await shop(f"chain={url}", tmp_path)
        running = await make_launcher(parse_target(f"chain={url}"), tmp_path).start()
        assert running.descriptor.software["client"].startswith("chandlery/")
        assert running.descriptor.control is None


@asynccontextmanager
async def plain_front(url: str) -> AsyncIterator[tuple[str, Counter[str]]]:
    """Before a chain, a server that lets through plain HTTP alone and knows no receipts
    by the block, as old nodes do; its URL, and how often each method was asked for."""
    asked: Counter[str] = Counter()

    def answer_of(call: dict[str, Any]) -> dict[str, Any] | None:
        asked[call["method"]] += 1
        if call["method"] != "eth_getBlockReceipts":
            return None
        error = {"code": -32601, "message": "the method does not exist"}
        return {"jsonrpc": "2.0", "id": call["id"], "error": error}

    async def forward(request: web.Request) -> web.Response:
        body = await request.json()
        for call in body if isinstance(body, list) else [body]:
            refusal = answer_of(call)
            if refusal is not None:
                return web.json_response(refusal)
        async with session.post(url, json=body) as reply:
            return web.json_response(await reply.json(), status=reply.status)

    app = web.Application()
    app.router.add_post("/", forward)
    runner = web.AppRunner(app)
    async with aiohttp.ClientSession() as session:
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
        finally:
            await runner.cleanup()


async def test_a_chain_that_speaks_plain_http_alone_is_polled(tmp_path: Path) -> None:
    async with dev_chain(tmp_path) as url, plain_front(url) as (front, asked):
        await shop(f"chain={front}", tmp_path)
    assert asked["eth_subscribe"] == 0
    assert asked["eth_blockNumber"] > 10
    assert asked["eth_getBlockReceipts"] == 1, "asked once, and then no more"
    assert asked["eth_getTransactionReceipt"] > 10


async def test_a_chain_on_which_nobody_has_money_says_what_to_name(
    tmp_path: Path,
) -> None:
    words = ("--mnemonic", "legal winner thank year wave sausage worth useful " * 2)
    async with dev_chain(tmp_path, *words) as url:
        launcher = make_launcher(parse_target(f"chain={url}"), tmp_path)
        try:
            with pytest.raises(TargetError, match=r"have no money there .* --accounts"):
                await launcher.start()
        finally:
            await launcher.stop()


@pytest.mark.parametrize(
    ("name", "world"), [("single", "central"), ("validators-1", "chain")]
)
async def test_a_target_that_runs_elsewhere_is_found_by_its_descriptor_and_left_running(
    name: str, world: str, tmp_path: Path
) -> None:
    launcher = Launcher(name, tmp_path)
    try:
        running = await launcher.start()
        where = f"{world}={running.folder / 'descriptor.json'}"
        await shop(where, tmp_path)
        # What the first trial sold is there, and is none of the second one's business.
        await shop(where, tmp_path)
        assert (running.folder / "descriptor.json").is_file()
    finally:
        await launcher.stop()
