"""The HTTP clients that can be tested here, as parameters of a test."""

from importlib.util import find_spec

import pytest

from bench.scenario.model import CLIENTS

CLIENTS_HERE = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            find_spec(name) is None,
            reason=f"{name} is not installed: pip install 'chandlery[bench]'",
        ),
    )
    for name in CLIENTS
]
