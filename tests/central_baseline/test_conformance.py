"""The shared vectors, asked of the web API on real servers."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from central_baseline import commands
from shop_contract.conformance import Vector, load_vectors, run_vector
from tests.central_baseline.client import UpRung
from tests.central_baseline.conftest import up
from tests.central_baseline.web_shop import WebShop


@pytest.fixture(scope="module")
def rung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpRung]:
    """A rung of its own: vectors empty the shop and stop its clock."""
    folder = tmp_path_factory.mktemp("vectors")
    yield up(folder, "database")
    commands.down(folder)


@pytest.mark.parametrize("vector", load_vectors(), ids=str)
def test_the_web_shop_answers_as_every_shop_does(rung: UpRung, vector: Vector) -> None:
    lacking = vector.needs - WebShop.abilities
    if lacking:
        pytest.skip(f"the web shop has no {', '.join(sorted(lacking))}")
    with asyncio.Runner() as runner:
        shop = WebShop(rung, runner.run)
        with closing(shop):
            assert run_vector(vector, shop) == []
            assert shop.books_balance()
