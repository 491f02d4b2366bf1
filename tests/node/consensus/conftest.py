"""`--rewrite` renews golden traces and vectors instead of comparing with them."""

from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite", action="store_true", help="renew golden traces and vectors"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with the file of this name below the tests, or renew the file."""

    def compare(name: str, text: str) -> None:
        path = HERE / name
        if request.config.getoption("--rewrite", default=False):
            path.write_text(text)
        assert text == path.read_text(), f"{name} differs; --rewrite renews it"

    return compare
