"""Pages on the JSON-RPC port: the published files and nothing else."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from node.primitives.keccak import keccak256
from node.rpc.pages import add_pages, published_pages

FACTS = {"world": "chain", "rpc": "/", "chain_id": 7_101}


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The pages alone, on a port of their own; notes lie in `tmp_path`."""
    app = web.Application()
    add_pages(app.router, FACTS, tmp_path)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def get(
    url: str, path: str, headers: dict[str, str] | None = None
) -> tuple[aiohttp.ClientResponse, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url + path, headers=headers, allow_redirects=False) as answer,
    ):
        return answer, await answer.read()


async def test_the_shop_is_published_with_a_strict_policy(url: str) -> None:
    answer, body = await get(url, "/shop/")
    assert answer.status == 200
    assert b"<title>The candle shop</title>" in body
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_every_file_is_served_with_its_type_and_checked_by_its_tag(
    url: str,
) -> None:
    for path, file in published_pages()["shop"].items():
        answer, body = await get(url, f"/shop/{path}")
        assert (answer.status, answer.content_type) == (200, file.content_type)
        assert body == file.body
        again, nothing = await get(
            url, f"/shop/{path}", {"If-None-Match": answer.headers["ETag"]}
        )
        assert (again.status, nothing) == (304, b"")


async def test_the_address_without_a_slash_leads_to_the_page(url: str) -> None:
    answer, _ = await get(url, "/shop?shop=0x12")
    assert (answer.status, answer.headers["Location"]) == (308, "/shop/?shop=0x12")


@pytest.mark.parametrize(
    "path", ["/shop/no", "/shop/../node.toml", "/shop/%2e%2e/key.json", "/shop/static/"]
)
async def test_nothing_else_is_served(url: str, tmp_path: Path, path: str) -> None:
    (tmp_path / "node.toml").write_text("[rpc]")
    answer, _ = await get(url, path)
    assert answer.status == 404


async def test_the_configuration_has_the_note_as_it_is_now(
    url: str, tmp_path: Path
) -> None:
    async def configuration() -> Any:
        answer, body = await get(url, "/shop/static/config.json")
        assert answer.headers["Cache-Control"] == "no-store"
        return json.loads(body)

    assert await configuration() == FACTS
    (tmp_path / "shop.json").write_text('{"address": "0x12"}')
    assert await configuration() == {**FACTS, "shop": {"address": "0x12"}}
    (tmp_path / "shop.json").write_text("{")
    assert await configuration() == FACTS


async def test_interfaces_of_contracts_are_given_by_selector_and_topic(
    url: str,
) -> None:
    _, body = await get(url, "/explorer/static/interfaces.json")
    shop = json.loads(body)["shop"]
    place = "place(uint256,uint256,uint256,uint256,uint256,bytes32,bytes)"
    selector = "0x" + keccak256(place.encode())[:4].hex()
    assert shop["functions"][selector]["name"] == "place"
    batch = [f for f in shop["functions"].values() if f["name"] == "place_batch"]
    assert batch[0]["inputs"][0]["type"].endswith(",bytes32,bytes)[]")
    topic = "0x" + keccak256(b"PausedSet(bool)").hex()
    [paused] = shop["events"][topic]["inputs"]
    assert (paused["type"], paused["indexed"]) == ("bool", False)
