"""How the web says no: a status, one machine word, one sentence."""

from collections.abc import Mapping
from types import MappingProxyType

from central_baseline.db.outcomes import (
    DatabaseUnavailable,
    OutcomeUnknown,
    Overloaded,
)
from shop_contract.rules import Reason

RETRY_AFTER_S = "1"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):
    """Raised by handlers; becomes {"error": {"reason", "message"}}."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.headers = headers


# 422, unless named here: the request can never be right.
_STATUS = {
    Reason.UNKNOWN_ORDER: 404,
    Reason.NOT_YOUR_ORDER: 403,
    Reason.NOT_AUTHORIZED: 403,
    Reason.ALREADY_PLACED: 409,
    Reason.PAUSED: 409,
    Reason.PRICE_ABOVE_MAXIMUM: 409,
    Reason.OUT_OF_STOCK: 409,
    Reason.WRONG_STATUS: 409,
    Reason.DEADLINE_PASSED: 409,
    Reason.TOO_EARLY: 409,
    Reason.NOTHING_OWED: 409,
    Reason.TOO_MANY_OPTIONS: 409,
}


def shop_refusal(reason: Reason) -> Refusal:
    """A rejection by the rules of the shop."""
    words = reason.value.replace("_", " ")
    return Refusal(_STATUS.get(reason, 422), reason.value, f"the shop refuses: {words}")


def malformed(message: str) -> Refusal:
    """The request cannot be read; the message says what was expected."""
    return Refusal(400, "malformed_request", message)


def outcome_refusal(
    outcome: OutcomeUnknown | DatabaseUnavailable | Overloaded,
) -> Refusal:
    """What to say when the database did not give a clean answer."""
    retry = {"Retry-After": RETRY_AFTER_S}
    if isinstance(outcome, OutcomeUnknown):
        return Refusal(
            503,
            "outcome_unknown",
            "it may or may not have been done: ask again with the same reference",
            retry,
        )
    if isinstance(outcome, DatabaseUnavailable):
        return Refusal(
            503, "database_unavailable", "nothing was done; try again", retry
        )
    return Refusal(503, "overloaded", "nothing was done; try again later", retry)
