"""The four words follow from the requests alone; each is made to appear here."""

from collections.abc import Iterable

from bench.history.record import Attempt, Record
from bench.spof.verdict import (
    Span,
    Word,
    operation_verdict,
    usual_p99s,
    well_again_s,
    with_loss,
)

SPAN = Span(10.0, 40.0)
USUAL_MS = 20.0


def request(at_s: float, took_ms: float = 10.0, outcome: str = "ok") -> Record:
    """A browse of one request."""
    sent_ns = int(at_s * 1e9)
    ended_ns = sent_ns + int(took_ms * 1e6)
    attempt = Attempt(sent_ns, ended_ns, outcome, None)
    return Record(
        session=0,
        step=0,
        customer=0,
        operation="browse",
        reference="",
        quantity=1,
        intended_ns=sent_ns,
        sent_ns=sent_ns,
        accepted_ns=None,
        final_ns=ended_ns,
        outcome=outcome,
        order=None,
        amount=None,
        attempts=(attempt,),
    )


def every(seconds: float, start_s: float, end_s: float, **how: object) -> list[Record]:
    count = round((end_s - start_s) / seconds)
    return [request(start_s + n * seconds, **how) for n in range(count)]  # type: ignore[arg-type]


def word(records: Iterable[Record]) -> Word:
    return operation_verdict(list(records), "browse", SPAN, USUAL_MS).word


def test_served_as_ever_works() -> None:
    assert word(every(0.1, 0, 60)) is Word.WORKS


def test_one_request_of_two_hundred_may_fail() -> None:
    records = every(0.1, 10, 40)
    records[50] = request(15.0, outcome="failed")
    assert word(records) is Word.WORKS
    records[51] = records[52] = records[53] = request(15.2, outcome="failed")
    assert word(records) is Word.DEGRADED


def test_slow_is_degraded_once_a_shopper_would_notice() -> None:
    assert word(every(0.5, 10, 40, took_ms=240.0)) is Word.WORKS
    assert word(every(0.5, 10, 40, took_ms=260.0)) is Word.DEGRADED


def test_slow_is_measured_against_what_is_usual_here() -> None:
    slow = every(0.5, 10, 40, took_ms=1500.0)
    assert operation_verdict(slow, "browse", SPAN, 800.0).word is Word.WORKS
    assert operation_verdict(slow, "browse", SPAN, 700.0).word is Word.DEGRADED


def test_taken_over_in_time_is_degraded_with_its_outage() -> None:
    records = [
        *every(0.1, 0, 10),
        *every(0.1, 10, 29, outcome="failed"),
        *every(0.1, 29, 60),
    ]
    verdict = operation_verdict(records, "browse", SPAN, USUAL_MS)
    assert verdict.word is Word.DEGRADED
    assert 18.9 < verdict.outage_s < 19.2


def test_not_served_to_the_end_stops_whatever_came_before() -> None:
    records = [*every(0.1, 0, 25), *every(0.1, 25, 40, outcome="unknown")]
    assert word(records) is Word.STOPS


def test_few_requests_prove_no_standstill() -> None:
    # Nobody asked in the last third; then one did, in vain; then two.
    records = every(1, 10, 30)
    assert word(records) is Word.WORKS
    records.append(request(35.0, outcome="failed"))
    assert word(records) is Word.DEGRADED
    records.append(request(36.0, outcome="failed"))
    assert word(records) is Word.STOPS


def test_a_standstill_that_makes_everybody_stay_away_is_one() -> None:
    # Who cannot buy has nothing to track: requests dry up, all of them in vain.
    records = [*every(0.1, 10, 11), *every(0.5, 11, 14, outcome="failed")]
    assert word(records) is Word.STOPS


def test_an_answer_after_the_healing_was_no_service_during_the_fault() -> None:
    # Paused: every request hangs until the component goes on.
    hanging = [request(at_s, (40.5 - at_s) * 1000) for at_s in range(10, 40)]
    verdict = operation_verdict(hanging, "browse", SPAN, USUAL_MS)
    assert (verdict.word, verdict.ok) == (Word.STOPS, 0)
    assert verdict.outage_s == 30.0


def test_a_request_of_the_last_moment_is_not_held_against_it() -> None:
    records = [*every(0.1, 10, 39.7), *every(0.1, 39.8, 40, took_ms=500.0)]
    assert word(records) is Word.WORKS


def test_what_nobody_asked_for_has_no_verdict() -> None:
    assert word(every(0.1, 0, 10)) is Word.NOT_ASKED


def test_a_pause_between_shoppers_is_no_outage() -> None:
    records = [*every(0.1, 10, 20), *every(0.1, 30, 40)]
    verdict = operation_verdict(records, "browse", SPAN, USUAL_MS)
    assert (verdict.word, verdict.outage_s) == (Word.WORKS, 0.0)


def test_lost_orders_outweigh_that_placing_them_worked() -> None:
    verdict = operation_verdict(every(0.1, 10, 40), "browse", SPAN, USUAL_MS)
    found = with_loss({"place_order": verdict, "browse": verdict}, ["ab"])
    assert found["place_order"].word is Word.LOSES
    assert found["browse"].word is Word.WORKS
    assert with_loss({"place_order": verdict}, [])["place_order"] == verdict


def test_the_usual_figures_come_from_quiet_spans_alone() -> None:
    records = [*every(1, 0, 100, took_ms=10.0), request(50.5, 900.0)]
    quiet = [Span(0.0, 50.0), Span(60.0, 100.0)]
    assert usual_p99s(records, ["browse"], quiet) == {"browse": 10.0}
    everything = usual_p99s(records, ["browse"], [Span(0.0, 100.0)])
    assert everything == {"browse": 10.0}  # one of 101 lies beyond the p99
    assert usual_p99s(records, ["browse"], [Span(50.2, 51.0)]) == {"browse": 900.0}
    assert usual_p99s(records, ["track"], quiet) == {"track": None}


def test_well_again_is_when_the_last_failed_request_was_over() -> None:
    records = [*every(0.1, 10, 40), request(39.0, 2500.0, "unknown")]
    assert round(well_again_s(records, SPAN, 50.0), 3) == 1.5
    later = [*records, request(60.0, 10.0, "failed")]
    assert round(well_again_s(later, SPAN, 50.0), 3) == 1.5
    assert well_again_s(every(0.1, 10, 40), SPAN, 50.0) == 0.0
