"""Who may ask: the token, the Host allowlist, other pages' origins."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from node.config import RpcConfig
from node.networks.devchain.node import DevChainExposed, DevNode, DevSettings
from node.rpc.token import TokenTooShort

TOKEN = "a-token-that-nobody-guesses"
ASK = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@contextlib.asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[str]:
    """A dev chain on a free port; its URL."""
    config = RpcConfig(port=0, **settings)
    node = await DevNode.open(DevSettings(executor="pyevm", rpc=config))
    try:
        yield await node.serve()
    finally:
        await node.close()


async def post(url: str, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    """Status, headers and answer of a request."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=ASK, headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.json()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer a-token-that-somebody-guessed"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer é"},
    ],
)
async def test_without_the_token_nothing_is_answered(headers: dict[str, str]) -> None:
    async with serving(token=TOKEN) as url:
        status, _, answer = await post(url, headers)
        assert (status, answer["error"]["code"]) == (401, -32006)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(url, headers=headers)
            assert caught.value.status == 401


async def test_with_the_token_all_is_as_ever() -> None:
    async with serving(token=TOKEN) as url:
        status, _, answer = await post(url, BEARER)
        assert (status, answer["result"]) == (200, "0x7a69")
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers=BEARER) as socket,
        ):
            await socket.send_json(ASK)
            assert (await socket.receive_json())["result"] == "0x7a69"


async def test_pages_need_no_token_for_they_hold_nothing() -> None:
    async with (
        serving(token=TOKEN) as url,
        aiohttp.ClientSession() as session,
        session.get(url + "/explorer/") as page,
    ):
        assert page.status == 200


async def test_a_dev_chain_never_listens_beyond_this_machine_without_a_token() -> None:
    with pytest.raises(DevChainExposed, match="set \\[rpc\\] token"):
        async with serving(host="0.0.0.0"):
            pass
    async with serving(host="0.0.0.0", token=TOKEN) as url:
        assert (await post(url.replace("0.0.0.0", "127.0.0.1")))[0] == 401


async def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(TokenTooShort, match="at least 16"):
        async with serving(token="secret"):
            pass


async def test_another_name_of_this_machine_is_refused() -> None:
    async with serving() as url:
        status, _, answer = await post(url, {"Host": "evil.example"})
        assert status == 403
        assert "allowed_hosts" in answer["error"]["message"]
    async with serving(allowed_hosts=("node.example",)) as url:
        assert (await post(url, {"Host": "node.example:8545"}))[0] == 200
        assert (await post(url))[0] == 403
    async with serving(allowed_hosts=("*",)) as url:
        assert (await post(url, {"Host": "evil.example"}))[0] == 200


async def test_pages_of_others_are_told_nothing_unless_they_are_listed() -> None:
    origin = {"Origin": "https://shop.example"}
    async with serving() as url:
        _, headers, _ = await post(url, origin)
        assert "Access-Control-Allow-Origin" not in headers
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(url, headers=origin)
    async with serving(cors_origins=("https://shop.example",)) as url:
        _, headers, _ = await post(url, origin)
        assert headers["Access-Control-Allow-Origin"] == "https://shop.example"
        _, headers, _ = await post(url, {"Origin": "https://other.example"})
        assert "Access-Control-Allow-Origin" not in headers
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers=origin) as socket,
        ):
            await socket.send_json(ASK)
            assert (await socket.receive_json())["id"] == 1


async def test_a_listed_page_may_send_the_token() -> None:
    origin = {"Origin": "https://shop.example"}
    async with (
        serving(token=TOKEN, cors_origins=("https://shop.example",)) as url,
        aiohttp.ClientSession() as session,
    ):
        async with session.options(url, headers=origin) as preflight:
            assert preflight.status == 204
            allowed = preflight.headers["Access-Control-Allow-Headers"]
            assert "Authorization" in allowed
        _, headers, _ = await post(url, {**origin, **BEARER})
        assert headers["Access-Control-Allow-Origin"] == "https://shop.example"
