"""The figures of a real network of one validator: what was asked for becomes final."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.store.folder import read_json
from bench.sustained.measure import Plan, measure
from bench.sustained.overload import compare
from bench.targets.make import make_launcher
from bench.targets.spec import parse_target

Figures = tuple[dict[str, Any], dict[str, Any]]


async def figures(logs: Path) -> Figures:
    """Of a short load, and of a short overload."""
    launcher = make_launcher(parse_target("validators-1"), logs)
    try:
        running = await launcher.start()
        nobody = Plan(running.folder, "0x" + "11" * 20, 20.0, 2.0, 5)
        with pytest.raises(BenchError, match="no shop answers"):
            await measure(nobody)
        shop = str(read_json(running.folder / "shop.json")["address"])
        steady = Plan(running.folder, shop, 20.0, 2.0, 5, profile=True)
        found = await measure(steady)
        return found, await compare(Plan(running.folder, shop, 20.0, 2.0, 5), 2.0)
    finally:
        await launcher.stop()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return asyncio.run(figures(tmp_path_factory.mktemp("logs")))


def test_what_is_offered_becomes_final_and_its_cost_is_told(network: Figures):
    found, _ = network
    assert (found["orders"], found["refused"], found["not_final"]) == (40, 0, 0)
    assert found["cpu_us_per_order_all"] > 0
    threads = found["threads_per_order"]["node1"]
    assert threads["loop"]["us"] > 0
    assert threads["executor"]["us"] > 0
    phases = found["phases_us_per_order"]["node1"]
    assert not phases or phases["execute"] > 0


def test_two_loads_are_compared_and_nothing_accepted_is_lost(network: Figures):
    _, found = network
    assert found["accepted_but_not_final"] == found["reverted"] == 0
    assert 0 < found["best"]["accepted"] <= 40
    assert found["overload"]["offered_per_s"] == 40.0
    assert found["overload"]["accepted"] > 0


def test_a_folder_without_a_network_is_named(tmp_path: Path):
    with pytest.raises(BenchError, match="chandlery network up"):
        asyncio.run(measure(Plan(tmp_path, "0x00", 1.0, 1.0, 1)))
