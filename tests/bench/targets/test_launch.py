"""Bringing targets up and down: readiness, failures, names."""

from pathlib import Path

import psutil
import pytest

from bench.errors import BenchError
from bench.targets.launch import Launcher, up_command
from bench.targets.process import Child, TargetError
from bench.targets.spec import parse_target


async def test_a_target_serves_when_it_is_said_to_and_is_gone_after(
    tmp_path: Path,
) -> None:
    launcher = Launcher("synthetic", tmp_path)
    before = psutil.Process().children(recursive=True)
    running = await launcher.start()
    assert running.descriptor.rung == "synthetic"
    now = psutil.Process().children(recursive=True)
    family = [child for child in now if child not in before]
    assert len(family) >= 2
    await launcher.stop()
    assert not running.folder.exists()
    assert [p for p in family if p.is_running()] == []


async def test_a_target_that_fails_says_what_it_printed(tmp_path: Path) -> None:
    launcher = Launcher("synthetic", tmp_path, truth='{"nonsense": 1}')
    try:
        with pytest.raises(TargetError, match=r"exit code 1; it said: .*nonsense"):
            await launcher.start()
    finally:
        await launcher.stop()


def test_names_become_the_commands_that_a_user_types(tmp_path: Path) -> None:
    central = up_command(parse_target("horizontal"), tmp_path)
    assert central[1:4] == ["central", "up", "horizontal"]
    chain = up_command(parse_target("validators-7"), tmp_path)
    assert chain[1:3] == ["network", "up"]
    assert chain[chain.index("--validators") + 1] == "7"
    slow = up_command(parse_target("validators-4-plain-detect-20s"), tmp_path)
    assert slow[slow.index("--round-timeout-ms") + 1] == "20000"
    assert "--no-peer-tls" in slow
    assert "--round-timeout-ms" not in chain
    rung = up_command(parse_target("replicated-detect-30s"), tmp_path)
    assert rung[1:4] == ["central", "up", "replicated"]
    assert rung[rung.index("--detection-s") + 1] == "30"
    for name in ("synthetic-detect-5s", "single-detect-5s-detect-6s"):
        with pytest.raises(BenchError, match="no detection timer"):
            parse_target(name)
    for name in ("validators-0", "validators-x", "moon"):
        with pytest.raises(BenchError, match="there is no target"):
            parse_target(name)


async def test_a_command_that_hangs_is_stopped_at_its_deadline(tmp_path: Path) -> None:
    child = Child(["sleep", "600"], tmp_path / "log")
    await child.start()
    with pytest.raises(TargetError, match="did not finish within"):
        await child.wait(0.05)
    assert child.exit_code is not None


async def test_output_that_is_not_json_is_quoted(tmp_path: Path) -> None:
    child = Child(["echo", "hello"], tmp_path / "log")
    await child.start()
    assert await child.wait(10) == 0
    with pytest.raises(TargetError, match="it said: hello"):
        child.output_json()
