"""Which refusals of the web shop had an effect, and which may be asked again."""

import pytest

from bench.adapters.central import _refused
from bench.adapters.http import Broken, Reply


def reply(status: int, reason: str | None = None) -> Reply:
    body = None if reason is None else {"error": {"reason": reason, "message": "m"}}
    return Reply(status, body, {})


@pytest.mark.parametrize(
    ("answer", "outcome", "again"),
    [
        (reply(409, "out_of_stock"), "failed", False),
        (reply(422, "zero_quantity"), "failed", False),
        (reply(401, "not_signed_in"), "failed", False),
        (reply(503, "overloaded"), "failed", True),
        (reply(503, "database_unavailable"), "failed", True),
        (reply(503), "failed", True),
        (reply(503, "outcome_unknown"), "unknown", True),
        (reply(502), "unknown", True),
        (reply(504), "unknown", True),
        (reply(500), "unknown", True),
    ],
)
def test_a_refused_purchase(answer: Reply, outcome: str, again: bool) -> None:
    found = _refused(answer, is_write=True)
    assert (found.outcome.value, found.retryable) == (outcome, again)
    assert _refused(answer, is_write=False).outcome.value == "failed"


def test_a_broken_connection_counts_by_how_far_the_request_got() -> None:
    refused = Broken(ConnectionRefusedError("no"), sent=False)
    reset = Broken(ConnectionResetError("gone"), sent=True)
    assert refused.answer(is_write=True).outcome.value == "failed"
    assert reset.answer(is_write=True).outcome.value == "unknown"
    assert reset.answer(is_write=False).outcome.value == "failed"
    assert refused.answer(True).retryable
    assert reset.answer(True).retryable
