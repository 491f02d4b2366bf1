"""The report of many trials: intervals, ratios, rejected trials, knees."""

import json
import re
from pathlib import Path

import pytest

from bench.analysis.run import RunResult, analyse_run
from bench.analysis.series import BY_NAME, interval_of, pooled, values_of
from bench.report.figures import figures_of
from bench.report.limits import limits_of
from bench.report.page import write_page
from bench.report.sentences import against_each, comparisons, target_line
from bench.report.summary import summary_lines
from tests.bench.made_run import make_series
from tests.bench.report.test_page import Loads, words_of

CENTRAL = [10.0, 10.2, 9.9, 10.1, 10.3, 9.8]
CHAIN = [90.0, 95.0, 92.0, 97.0, 88.0, 91.0]


def result_of(root: Path, single: list[float], chain: list[float]) -> RunResult:
    return analyse_run(make_series(root, {"single": single, "validators-4": chain}))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return result_of(tmp_path_factory.mktemp("series"), CENTRAL, CHAIN)


def test_a_median_goes_with_its_interval_from_rank_to_rank(result: RunResult) -> None:
    trials = result.targets[1].at("low")
    found = interval_of(trials, BY_NAME["order_latency_ms_p50"])
    assert found is not None
    assert found.median == pytest.approx(91.5, rel=0.001)
    assert found.low == pytest.approx(88.0, rel=0.001)
    assert found.high == pytest.approx(97.0, rel=0.001)
    assert found.confidence == pytest.approx(0.969, abs=0.001)
    words = target_line(result, result.targets[1])
    assert "medians of 6 trials: the median wait for an order 91.5 ms [88" in words


def test_a_ratio_is_claimed_with_its_interval(result: RunResult) -> None:
    first, _, cpu = comparisons(result)
    assert "the median wait for an order was 9.1" in first
    assert "(medians of 6 and 6 trials; ratio in [8.55, 9.89])" in first
    assert "the CPU for an order was 4 times as much on validators-4" in cpu


@pytest.mark.parametrize(
    ("chain", "words", "said"),
    [
        (
            [5.0, 30.0, 8.0, 25.0, 9.0, 40.0],
            "not distinguished; ratio in [",
            "order was not distinguished from that on single [",
        ),
        (
            [10.1, 10.0, 10.2, 9.9, 10.0, 10.1],
            "is equivalent on validators-4 and",
            "order was equivalent to that on single [",
        ),
        (CHAIN[:5], "of 5 trials: not a claim", "(no interval, no claim)"),
    ],
)
def test_nothing_is_claimed_that_an_interval_does_not_carry(
    chain: list[float], words: str, said: str, tmp_path: Path
) -> None:
    result = result_of(tmp_path, CENTRAL, chain)
    assert words in comparisons(result)[0]
    first_screen = against_each(result)[0]
    assert said in first_screen, "the first screen claims no more than the rest"


def test_the_first_screen_tells_what_speaks_against_each(result: RunResult) -> None:
    chain, single = against_each(result)
    assert chain.startswith("Against validators-4: at the low load")
    assert "9.1 times that on single [8.55, 9.89]" in chain
    assert single.startswith("Against single: its operator can rewrite")
    page = words_of(write_page(result, result.folder / "r.html").read_text())
    assert page.index(chain[:40]) < page.index("What was found")
    assert page.index(single[:40]) < page.index("What was found")


def test_a_rejected_trial_is_published_with_its_reason_and_not_counted(
    tmp_path: Path,
) -> None:
    run = make_series(tmp_path, {"single": CENTRAL, "validators-4": CHAIN})
    path = run.path / "targets/single/trial-2/lag.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["lags_us"] = [30_000] * 100
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = analyse_run(run)
    assert len(result.targets[0].at("low")) == 5
    assert any("single, trial 2 is INVALID" in line for line in limits_of(result))
    page = words_of(write_page(result, run.path / "r.html").read_text())
    assert "INVALID: generator lag p99 30 ms" in page
    assert "not a claim" in comparisons(result)[0]


def test_changed_samples_change_medians_and_ratios(tmp_path: Path) -> None:
    run = make_series(tmp_path, {"single": CENTRAL, "validators-4": CHAIN})
    before = comparisons(analyse_run(run))[0]
    for number in range(1, 7):
        path = run.path / f"targets/validators-4/trial-{number}/history.jsonl"
        data = [json.loads(line) for line in path.read_text().splitlines()]
        for item in data:
            item["final_ns"] += 100_000_000
        path.write_text("".join(json.dumps(item) + "\n" for item in data))
    after = comparisons(analyse_run(run))[0]
    assert "9.1" in before
    assert "was 19" in after


def test_the_figures_agree_with_a_recomputation_from_the_raw_lines(
    result: RunResult,
) -> None:
    """Nothing of the bench is used but the files and the definition."""
    for target in figures_of(result)["targets"]:
        for trial in target["trials"]:
            folder = result.folder / "targets" / target["name"]
            path = folder / f"trial-{trial['trial']}" / "history.jsonl"
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            waits = sorted(
                (row["final_ns"] - row["intended_ns"]) / 1e6
                for row in rows
                if row["operation"] == "place_order"
                and 8e9 <= row["intended_ns"] < 38e9
            )
            told = trial["operations"]["place_order"]["latency_ms"]
            for name, quantile in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95)):
                expected = waits[-(-int(quantile * 1000) * len(waits) // 1000) - 1]
                assert told[name] == pytest.approx(expected, rel=0.001)


def test_pooled_latencies_hold_every_sample(result: RunResult) -> None:
    trials = result.targets[0].at("low")
    summary = pooled(trials, "place_order")
    counts = [trial.operations["place_order"].count for trial in trials]
    assert summary.count == sum(counts) == 1800
    assert summary.quantiles_ms[0.99] == pytest.approx(10.3, rel=0.001)
    assert values_of(trials, BY_NAME["order_latency_ms_p99"]) == []


def test_the_page_is_whole_and_each_chart_has_its_data(result: RunResult) -> None:
    page = write_page(result, result.folder / "r.html").read_text()
    parser = Loads()
    parser.feed(page)
    assert parser.fetched == []
    assert parser.open == []
    found = re.search(r'id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    charts = json.loads(found.group(1))
    assert {"intervals-order_latency_ms_p50", "intervals-cpu_ms_per_order"} <= set(
        charts
    )
    assert page.count("The figures of this chart") == len(charts)
    assert "standard size" in page
    assert summary_lines(result)
