"""A failure is shown with the line of the Vyper source that it began at."""

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.networks.devchain.sources.vyper import Sources, SourcesError
from tests.node.networks.devchain.asking import dev_chain

SOURCE = """# pragma version 0.4.3

LIMIT: immutable(uint256)

@deploy
def __init__(limit: uint256):
    LIMIT = limit

@external
def use(amount: uint256) -> uint256:
    assert amount <= LIMIT, "too_much"
    return LIMIT - amount - 1
"""
ASSERTED, SUBTRACTED = 11, 12


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """What the compiler says of the source."""
    pytest.importorskip("vyper", reason="the compiler is not installed")
    (tmp_path / "limit.vy").write_text(SOURCE)
    ended = subprocess.run(
        [sys.executable, "-m", "vyper", "-f", "combined_json", "limit.vy"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    path = tmp_path / "limit.json"
    path.write_text(ended.stdout)
    return path


def bytecode_of(compiled: Path) -> str:
    found: dict[str, Any] = json.loads(compiled.read_text())
    code: str = found["limit.vy"]["bytecode"]
    return code


@pytest.mark.parametrize(
    ("amount", "line", "words"),
    [(8, ASSERTED, "user revert with reason"), (7, SUBTRACTED, "safesub")],
)
async def test_a_failure_is_logged_with_its_line(
    compiled: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    amount: int,
    line: int,
    words: str,
) -> None:
    monkeypatch.chdir(compiled.parent)
    caplog.set_level(logging.INFO, "chandlery.dev")
    code = bytecode_of(compiled) + f"{7:064x}"
    async with dev_chain(sources=Sources.read([compiled])) as ask:
        at = (await ask.send(data=code))["contractAddress"]
        selector = (await ask("web3_sha3", "0x" + b"use(uint256)".hex()))[:10]
        data = selector + f"{amount:064x}"
        await ask.send(to=at, data=data, gas="0x20000")
        async with asyncio.timeout(10):
            while f"limit.vy:{line}" not in caplog.text:
                await ask.node.chain.run(lambda: None)
    text = SOURCE.splitlines()[line - 1].strip()
    assert f"limit.vy:{line} ({words}) {text}" in caplog.text


@pytest.mark.parametrize("text", ["", "[]", "{}x", '{"a.vy": {}}', '{"a.vy": 5}'])
def test_another_file_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(SourcesError, match="combined_json"):
        Sources.read([path])
    with pytest.raises(SourcesError, match="combined_json"):
        Sources.read([tmp_path / "none.json"])
