"""The envelope of JSON-RPC 2.0: whatever comes in, what goes out is JSON-RPC."""

import logging
from typing import Any

import orjson
import pytest

from node.rpc.dispatch import Dispatcher
from node.rpc.errors import RpcError


async def echo(params: Any) -> Any:
    return params


async def refuse(params: Any) -> Any:
    raise RpcError(-32000, "no", "0x01")


async def crash(params: Any) -> Any:
    raise ZeroDivisionError


@pytest.fixture
def dispatcher() -> Dispatcher:
    return Dispatcher({"echo": echo, "refuse": refuse, "crash": crash}, max_batch=3)


async def ask(dispatcher: Dispatcher, body: Any) -> Any:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = await dispatcher.answer(raw)
    return None if answer is None else orjson.loads(answer)


def request(method: str = "echo", **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": [7], **members}


async def test_a_request_is_answered_with_its_id(dispatcher: Dispatcher) -> None:
    for name in (1, "a", 1.5, 0, ""):
        answer = await ask(dispatcher, request(id=name))
        assert answer == {"jsonrpc": "2.0", "id": name, "result": [7]}


async def test_a_notification_gets_no_answer(dispatcher: Dispatcher) -> None:
    body = request()
    del body["id"]
    assert await ask(dispatcher, body) is None
    assert await ask(dispatcher, [body, body]) is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 5_000, b'{"jsonrpc":"2.0",}', b"NaN"]
)
async def test_what_is_not_json_is_a_parse_error(
    dispatcher: Dispatcher, body: bytes
) -> None:
    answer = await ask(dispatcher, body)
    assert (answer["id"], answer["error"]["code"]) == (None, -32700)


@pytest.mark.parametrize(
    "body",
    [
        None,
        1,
        "x",
        True,
        {},
        {"jsonrpc": "1.0", "id": 1, "method": "echo"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        {"jsonrpc": "2.0", "id": [1], "method": "echo"},
        {"jsonrpc": "2.0", "id": True, "method": "echo"},
    ],
)
async def test_a_wrong_envelope_is_an_invalid_request(
    dispatcher: Dispatcher, body: Any
) -> None:
    assert (await ask(dispatcher, body))["error"]["code"] == -32600


async def test_an_unknown_method_is_named(dispatcher: Dispatcher) -> None:
    answer = await ask(dispatcher, request("eth_nope"))
    assert answer["error"] == {
        "code": -32601,
        "message": "the method eth_nope does not exist/is not available",
    }


async def test_an_error_of_a_method_keeps_its_data(dispatcher: Dispatcher) -> None:
    answer = await ask(dispatcher, request("refuse"))
    assert answer["error"] == {"code": -32000, "message": "no", "data": "0x01"}


async def test_a_bug_in_a_method_is_logged_and_answered(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        answer = await ask(dispatcher, request("crash"))
    assert answer["error"]["code"] == -32603


async def test_one_bad_element_does_not_fail_a_batch(dispatcher: Dispatcher) -> None:
    answers = await ask(dispatcher, [request(id=1), 5, request("refuse", id=2)])
    assert [answer.get("id") for answer in answers] == [1, None, 2]
    assert [answer.get("error", {}).get("code") for answer in answers] == [
        None,
        -32600,
        -32000,
    ]


async def test_empty_and_oversized_batches_are_refused(dispatcher: Dispatcher) -> None:
    assert (await ask(dispatcher, []))["error"]["code"] == -32600
    answer = await ask(dispatcher, [request()] * 4)
    assert "batch too large: 4, at most 3" in answer["error"]["message"]


async def test_requests_are_counted_by_method(dispatcher: Dispatcher) -> None:
    await ask(dispatcher, [request(), request(), request("nope")])
    assert dispatcher.requests == {"echo": 2, "unknown": 1}


async def ones(params: list[Any]) -> list[Any]:
    """Many at once: the number asked for, or why not."""
    refusal = RpcError(-32000, "no")
    return [refusal if row == [0] else [len(params), *row] for row in params]


async def explode(params: list[Any]) -> list[Any]:
    raise ZeroDivisionError


async def test_requests_of_a_bulk_method_are_answered_in_one_call_and_in_order() -> (
    None
):
    dispatcher = Dispatcher({"echo": echo, "many": echo}, 5, {"many": ones})
    notice = request("many", params=[9])
    del notice["id"]
    answers = await ask(
        dispatcher,
        [
            request("many", id=1, params=[0]),
            request(id=2),
            notice,
            request("many", id=4, params=[5]),
            request("many", id=[]),
        ],
    )
    assert [answer["id"] for answer in answers] == [1, 2, 4, None]
    assert answers[0]["error"]["message"] == "no"
    assert [answers[1]["result"], answers[2]["result"]] == [[7], [3, 5]]
    assert answers[3]["error"]["code"] == -32600
    assert dispatcher.requests == {"many": 3, "echo": 1}


async def test_a_bug_in_a_bulk_method_answers_every_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dispatcher = Dispatcher({"many": echo}, 5, {"many": explode})
    with caplog.at_level(logging.CRITICAL):
        answers = await ask(dispatcher, [request("many"), request("many")])
    assert [answer["error"]["code"] for answer in answers] == [-32603, -32603]


async def test_a_method_that_is_replaced_has_no_bulk_handler_any_more() -> None:
    dispatcher = Dispatcher({"many": refuse}, 5, {"many": ones})
    dispatcher.extend({"many": echo})
    assert (await ask(dispatcher, [request("many")]))[0]["result"] == [7]


async def deep(params: Any) -> Any:
    """As nested as the trace of calls that many deep."""
    innermost = answer = {"calls": [], "at": 0}
    for at in range(1, params[0]):
        answer = {"calls": [answer, {"at": -at}], "at": at}
    assert innermost["at"] == 0
    return answer


@pytest.mark.parametrize("depth", [1, 99, 100, 101, 126, 128, 1_100])
async def test_an_answer_may_be_as_deep_as_the_deepest_calls(depth: int) -> None:
    dispatcher = Dispatcher({"deep": deep}, 3)
    body = orjson.dumps(request("deep", params=[depth]))
    answer = await dispatcher.answer(body)
    assert answer is not None
    for at in reversed(range(1, depth)):  # peel it: no parser goes that deep
        end = b',{"at":-%d}],"at":%d}' % (at, at)
        assert answer.count(end) == 1
    assert answer.count(b'{"calls":[') == depth
    assert answer.count(b"{") == answer.count(b"}")
    assert answer.startswith(b'{"jsonrpc":"2.0","id":1,"result":{"calls":[')
