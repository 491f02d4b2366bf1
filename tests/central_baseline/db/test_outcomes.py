"""What a failure says about the write that met it."""

import asyncpg
import pytest

from central_baseline.db.outcomes import (
    DatabaseUnavailable,
    OutcomeUnknown,
    Overloaded,
    PremiseFailed,
    outcome_of,
)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        # Nothing was done: the server refused, or undid it.
        (asyncpg.ReadOnlySQLTransactionError("a standby"), DatabaseUnavailable),
        (asyncpg.CannotConnectNowError("starting"), DatabaseUnavailable),
        (asyncpg.DiskFullError("no space left"), DatabaseUnavailable),
        (asyncpg.LockNotAvailableError("lock timeout"), Overloaded),
        # It may have been done: the answer is what got lost.
        (asyncpg.ConnectionDoesNotExistError("closed"), OutcomeUnknown),
        (asyncpg.InternalClientError("in mid-operation"), OutcomeUnknown),
        (asyncpg.AdminShutdownError("terminated"), OutcomeUnknown),
        (ConnectionResetError(), OutcomeUnknown),
        (TimeoutError(), OutcomeUnknown),
    ],
)
def test_each_failure_has_one_meaning(
    error: Exception, outcome: type[Exception]
) -> None:
    assert type(outcome_of(error)) is outcome


def test_a_failed_premise_is_decided_again() -> None:
    error = asyncpg.PostgresError("price has changed")
    error.sqlstate = "SH001"
    assert type(outcome_of(error)) is PremiseFailed


def test_our_own_mistakes_are_not_explained_away() -> None:
    assert outcome_of(asyncpg.UndefinedColumnError("no such column")) is None
