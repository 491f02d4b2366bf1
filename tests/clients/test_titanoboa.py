"""titanoboa's NetworkEnv: deploys Vyper source, calls, reads storage, goes back.

titanoboa wants a py-evm of its own, so it runs in another interpreter, which
CHANDLERY_BOA_PYTHON names (`python -m venv DIR && DIR/bin/pip install titanoboa`).
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.clients.chains import dev_process

FLOWS = Path(__file__).resolve().parent / "kit" / "titanoboa_flows.py"
PYTHON = os.environ.get("CHANDLERY_BOA_PYTHON", "")
TIMEOUT_S = 120

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="CHANDLERY_BOA_PYTHON names no interpreter with titanoboa"
)


def run_flows(url: str, kind: str, home: Path) -> None:
    ended = subprocess.run(
        [PYTHON, str(FLOWS), url, kind],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        # It remembers answers by chain id and block, also those of another chain.
        env={**os.environ, "HOME": str(home)},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "flows held" in ended.stdout


def test_its_flows_hold_on_the_dev_chain(tmp_path: Path) -> None:
    with dev_process() as url:
        run_flows(url, "dev", tmp_path)


def test_its_flows_hold_on_validators(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("qbft_network").nodes[0].url
    run_flows(url, "network", tmp_path)
