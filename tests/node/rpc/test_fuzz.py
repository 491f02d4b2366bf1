"""Whatever comes in, what goes out is JSON-RPC with a code that says what is wrong."""

import json
import os
from random import Random
from typing import Any

import pytest

from node.rpc.dispatch import Methods
from node.rpc.subscriptions import Subscriptions
from tests.node.networks.devchain.asking import Asker, dev_chain
from tests.node.networks.devchain.conftest import executor
from tests.node.rpc.fuzzing import body

__all__ = ["executor"]

BODIES = int(os.environ.get("CHANDLERY_FUZZ_BODIES", "400"))
SEED = int(os.environ.get("CHANDLERY_FUZZ_SEED", "1"))
INTERNAL = -32603
REVERTED = 3
NAMED = [*range(-32700, -32599), *range(-32099, -31999), *range(-38099, -37999)]


async def check(ask: Asker, raw: bytes, extra: Methods) -> None:
    answer = await ask.node.dispatcher.answer(raw, extra)
    if answer is None:
        return  # a notification
    found = json.loads(answer)
    for each in found if isinstance(found, list) else [found]:
        assert each["jsonrpc"] == "2.0"
        assert "id" in each
        if "result" not in each:
            _check_error(each["error"])


def _check_error(error: dict[str, Any]) -> None:
    code, message = error["code"], error["message"]
    assert code == REVERTED or (code in NAMED and code != INTERNAL), (code, message)
    assert isinstance(message, str)
    assert message


@pytest.mark.timeout(600)
async def test_no_body_is_answered_with_an_internal_error(executor: str) -> None:
    random = Random(f"{SEED}/{executor}")
    async with dev_chain() as ask:
        # As on a WebSocket, which has two methods more.
        subscriptions = Subscriptions(ask.node.backend, lambda _: None, BODIES)
        extra = subscriptions.table()
        methods = sorted({*ask.node.dispatcher.methods, *extra})
        for at in range(BODIES):
            raw = body(random, methods)
            try:
                await check(ask, raw, extra)
            except AssertionError as error:
                raise AssertionError(f"body {at}: {error}: {raw[:2_000]!r}") from None
        head = await ask.node.dispatcher.answer(
            b'{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}'
        )
    assert head is not None
    assert "result" in json.loads(head)
