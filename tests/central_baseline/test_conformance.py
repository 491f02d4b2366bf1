"""The shared vectors, and random ones, asked of the web API on real servers."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from central_baseline import commands
from shop_contract.conformance import Ability, Vector, load_vectors, run_vector
from shop_contract.conformance.making import made_vector
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
    ask_all(rung, vector)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("two_steps", [False, True])
def test_the_web_shop_answers_as_the_rules_do(
    rung: UpRung, seed: int, two_steps: bool
) -> None:
    ask_all(rung, made_vector(seed, 40, two_steps))


def test_the_web_shop_lacks_nothing() -> None:
    assert WebShop.abilities == frozenset(Ability)


def ask_all(rung: UpRung, vector: Vector) -> None:
    with asyncio.Runner() as runner:
        shop = WebShop(rung, runner.run)
        with closing(shop):
            assert run_vector(vector, shop) == []
            assert shop.books_balance()
