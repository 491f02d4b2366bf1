"""Every test of this folder runs on both executors, where they are installed."""

from importlib.util import find_spec

import pytest

from tests.node.networks.devchain import asking

MODULES = {"native": "chandlery_native", "pyevm": "eth"}


@pytest.fixture(params=MODULES, autouse=True)
def executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The executor of this run of the test."""
    kind: str = request.param
    if find_spec(MODULES[kind]) is None:
        pytest.skip(f"the executor {kind} is not installed")
    monkeypatch.setattr(asking, "EXECUTOR", [kind])
    return kind
