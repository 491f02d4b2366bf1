"""The matrix of a target of one part, by real kills of a real process; and how losses
are told from orders that are only late."""

from collections.abc import Sequence
from pathlib import Path

from bench.adapters.contract import Audit, OrderFact
from bench.compare import run_loop
from bench.faults.cgroups import unavailable
from bench.history.record import Attempt, Record
from bench.progress import Terminal
from bench.spof.matrix import Matrix
from bench.spof.run import Shown, SpofPlan, new_losses, run_matrix
from bench.spof.verdict import Word


def test_the_only_server_is_a_single_point_of_failure(tmp_path: Path) -> None:
    plan = SpofPlan(
        "synthetic",
        tmp_path,
        ("kill", "partition", "delay"),
        hold_s_min=3.0,
        hold_s_max=3.5,
    )
    matrix = run_loop(run_matrix(plan, Terminal()))
    assert isinstance(matrix, Matrix)
    assert matrix.missing is None
    killed, cut, delayed = matrix.cells
    assert killed.method == "supervisor"
    words = {name: verdict.word for name, verdict in killed.operations.items()}
    # Whether anybody had an order to track is chance; nothing else may work.
    words.pop("track")
    assert set(words.values()) == {Word.STOPS}
    assert killed.lost == killed.duplicated == ()
    assert killed.well_again_s is not None
    assert matrix.single_points == ["server"]
    if unavailable() is None:
        assert cut.method == "kernel"
        assert cut.operations["browse"].word is Word.STOPS
        assert cut.operations["browse"].ok == 0
        assert cut.well_again_s is not None
    else:
        assert cut.not_run is not None
    assert delayed.not_run is not None
    assert delayed.operations == {}
    assert (tmp_path / "stage-1" / "history.jsonl").stat().st_size > 0


def test_a_target_that_does_not_start_is_a_matrix_that_says_why(tmp_path: Path) -> None:
    plan = SpofPlan("synthetic", tmp_path, ("kill",), components=("nobody",))
    matrix = run_loop(run_matrix(plan, Terminal()))
    assert isinstance(matrix, Matrix)
    assert matrix.cells == ()
    assert matrix.missing == "synthetic has no 'nobody'; it has ['server']"


def acknowledged(reference: str) -> Record:
    attempt = Attempt(0, 1, "ok", None)
    return Record(
        session=0,
        step=0,
        customer=0,
        operation="place_order",
        reference=reference,
        quantity=1,
        intended_ns=0,
        sent_ns=0,
        accepted_ns=None,
        final_ns=1,
        outcome="ok",
        order="1",
        amount=5,
        attempts=(attempt,),
    )


def there(reference: str, amount: int = 5) -> OrderFact:
    return OrderFact("1", reference, 0, "paid", amount, 1)


class Books:
    """A target whose audits are given one after the other, the last for ever."""

    def __init__(self, told: Sequence[str], *audits: Sequence[OrderFact]) -> None:
        self.records = [acknowledged(reference) for reference in told]
        self._audits = [tuple(audit) for audit in audits]
        self.looks = 0

    async def audit(self) -> Audit:
        audit = self._audits[min(self.looks, len(self._audits) - 1)]
        self.looks += 1
        return Audit(audit, None, None, None)

    async def wait(self, seconds: float) -> None:
        """Time does not matter here."""


async def test_an_order_that_a_later_look_finds_was_late_and_not_lost() -> None:
    books = Books("ab", [there("a")], [there("a"), there("b")])
    assert await new_losses(books, Shown()) == ((), ())
    assert books.looks == 2


async def test_an_order_that_never_appears_is_lost_once() -> None:
    books, shown = Books("ab", [there("a")]), Shown()
    assert await new_losses(books, shown) == (("b",), ())
    assert await new_losses(books, shown) == ((), ())


async def test_another_amount_counts_as_lost_and_two_orders_as_two() -> None:
    books = Books("ab", [there("a", 4), there("b"), there("b")])
    assert await new_losses(books, Shown()) == (("a",), ("b",))
