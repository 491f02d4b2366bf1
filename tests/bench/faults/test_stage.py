"""When a target under load counts as well: all served lately, and nothing failing."""

from bench.faults.stage import works_since
from bench.history.record import Attempt, Record

OPERATIONS = ("browse", "track")


def record(operation: str, ended_s: float, outcome: str = "ok") -> Record:
    ended_ns = int(ended_s * 1e9)
    attempt = Attempt(ended_ns - 1000, ended_ns, outcome, None)
    return Record(
        session=0,
        step=0,
        customer=0,
        operation=operation,
        reference="",
        quantity=1,
        intended_ns=ended_ns - 1000,
        sent_ns=ended_ns - 1000,
        accepted_ns=None,
        final_ns=ended_ns,
        outcome=outcome,
        order=None,
        amount=None,
        attempts=(attempt,),
    )


def both(ended_s: float) -> list[Record]:
    return [record("browse", ended_s), record("track", ended_s)]


def test_it_is_well_since_the_last_failure() -> None:
    records = [record("browse", 97.0, "failed"), *both(99.5)]
    assert works_since(records, OPERATIONS, 100.0) == 97.0


def test_an_operation_that_was_not_served_since_the_failure_is_not_well() -> None:
    records = [*both(96.0), record("browse", 97.0, "failed"), record("browse", 99.0)]
    assert works_since(records, OPERATIONS, 100.0) is None


def test_silence_is_not_wellness() -> None:
    # Requests that hang have not failed yet; what was served long ago proves nothing.
    assert works_since(both(90.0), OPERATIONS, 100.0) is None
    assert works_since([], OPERATIONS, 100.0) is None


def test_nothing_ever_failed() -> None:
    assert works_since(both(99.0), OPERATIONS, 100.0) == 0.0
