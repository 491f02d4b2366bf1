"""The control socket's client against a real Unix socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.control import Control, ControlError

STATE = {"name": "a", "role": "web", "state": "running", "pid": 1, "cpu_seconds": 2.5}


@asynccontextmanager
async def supervisor(path: Path, answers: dict[str, Any]) -> AsyncIterator[list[Any]]:
    """A socket that answers by table and keeps what it was asked."""
    asked: list[Any] = []

    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while line := await reader.readline():
            request = json.loads(line)
            asked.append(request)
            answer = answers.get(request["op"])
            if answer is None:
                break
            writer.write(json.dumps({"id": request["id"], **answer}).encode() + b"\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(client, str(path))
    try:
        yield asked
    finally:
        server.close()


async def test_requests_are_answered_in_turn(tmp_path: Path) -> None:
    answers = {"list": {"ok": True, "components": [STATE]}, "kill": {"ok": True}}
    async with supervisor(tmp_path / "c", answers) as asked:
        control = Control(str(tmp_path / "c"))
        (state,) = await control.components()
        await control.kill("a", 2.0)
        await control.close()
    assert (state.name, state.cpu_seconds, state.restarts) == ("a", 2.5, 0)
    assert asked[1] == {
        "id": 2,
        "op": "kill",
        "component": "a",
        "restart_after_s": 2.0,
    }


async def test_a_refusal_carries_the_supervisors_words(tmp_path: Path) -> None:
    answers = {"pause": {"ok": False, "error": "it is dead; restart it"}}
    async with supervisor(tmp_path / "c", answers):
        control = Control(str(tmp_path / "c"))
        with pytest.raises(ControlError, match="it is dead; restart it"):
            await control.pause("a")
        await control.close()


async def test_a_supervisor_that_hangs_up_is_an_error_and_asked_again_anew(
    tmp_path: Path,
) -> None:
    answers: dict[str, Any] = {"list": {"ok": True, "components": []}}
    async with supervisor(tmp_path / "c", answers):
        control = Control(str(tmp_path / "c"))
        with pytest.raises(ControlError, match="does not answer 'resume'"):
            await control.resume("a")
        assert await control.components() == []
        await control.close()


async def test_no_supervisor_is_an_error_with_advice(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="is the target still up"):
        await Control(str(tmp_path / "absent")).components()
