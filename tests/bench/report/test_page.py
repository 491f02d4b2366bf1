"""The report: computed from the samples, complete, offline, and honest about gaps."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.analysis.run import analyse_run
from bench.crew.wish import ELSEWHERE
from bench.report.figures import figures_of
from bench.report.limits import limits_of
from bench.report.page import write_page
from bench.report.sentences import (
    HIT,
    against_each,
    comparisons,
    size_caveat,
    target_sentence,
    verdict,
)
from bench.report.summary import summary_lines
from bench.scenario.model import FAULT_KINDS
from bench.store.folder import RunFolder, read_json, write_json
from tests.bench.made_run import KILL_S, make_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "runs")


def page_of(run: RunFolder) -> str:
    return write_page(analyse_run(run), run.path / "report.html").read_text()


def words_of(page: str) -> str:
    """The page's text without plotly.js, scripts and tags."""
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", body)


def test_the_figures_are_those_of_the_samples(run: RunFolder) -> None:
    single, chain, missing = figures_of(analyse_run(run))["targets"]
    trial = single["trials"][0]
    orders = trial["operations"]["place_order"]
    assert orders["latency_ms"]["p50"] == pytest.approx(10.0, rel=0.001)
    assert chain["trials"][0]["operations"]["place_order"]["latency_ms"][
        "p95"
    ] == pytest.approx(900.0, rel=0.001)
    assert orders["count"] == 300
    # Each visit of the made run is an order and a look, 10 ms each.
    assert trial["journey"]["count"] == 300
    assert trial["journey"]["latency_ms"]["p50"] == pytest.approx(20.0, rel=0.001)
    assert orders["latency_ms"]["p99"] is None, "300 samples cannot carry a p99"
    assert trial["goodput_orders_per_s"] == pytest.approx(10.0)
    # One tenth of a core for 30 s over 300 orders; four times that on four nodes.
    assert trial["cost"]["cpu_ms_per_order"] == pytest.approx(10.0)
    assert chain["trials"][0]["cost"]["cpu_ms_per_order"] == pytest.approx(40, rel=0.01)
    (fault,) = trial["faults"]
    assert fault["asked_s"] == KILL_S
    assert fault["requests_failed"] == 120
    # 60 of the 360 shoppers who came from then on met the outage of 6 s.
    assert (fault["shoppers"], fault["shoppers_served"]) == (360, 300)
    assert fault["worst_second_share"] == 0.0
    assert fault["worst_10_s_share"] == pytest.approx(0.4)
    assert fault["worst_60_s_share"] is None, "load was held for 36 s"
    assert fault["availability_rto_s"] == pytest.approx(6, abs=fault["resolution_s"])
    assert chain["trials"][0]["faults"][0]["availability_rto_s"] == 0
    assert trial["orders"]["acknowledged"] == trial["orders"]["there"] == 700
    assert missing["missing"] == "nginx said <no>"


def test_changed_samples_change_the_report(run: RunFolder) -> None:
    before = page_of(run)
    history = run.path / "targets/single/trial-1/history.jsonl"
    lines = history.read_text().splitlines()
    data = [json.loads(line) for line in lines]
    for item in data:
        item["final_ns"] += 5_000_000
    history.write_text("".join(json.dumps(item) + "\n" for item in data))
    after = page_of(run)
    assert "within 10 ms" in words_of(before)
    assert "within 15 ms" in words_of(after)


def test_an_order_removed_from_the_audit_is_reported_lost(run: RunFolder) -> None:
    path = run.path / "targets/single/trial-1/audit.json"
    audit = read_json(path)
    audit["orders"].pop(3)
    write_json(path, audit)
    result = analyse_run(run)
    assert not result.passes
    assert len(result.targets[0].trials[0].orders.lost) == 1
    assert "1 of 1,460 acknowledged orders was lost" in verdict(result)
    assert "a check FAILED" in page_of(run)
    assert any("FAILED: no acknowledged order lost" in x for x in summary_lines(result))


def test_a_missing_audit_is_a_failed_check_not_a_pass(run: RunFolder) -> None:
    (run.path / "targets/single/trial-1/audit.json").unlink()
    assert not analyse_run(run).passes


def test_a_lagging_generator_makes_the_run_invalid(run: RunFolder) -> None:
    path = run.path / "targets/single/trial-1/lag.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["lags_us"] = [*line["lags_us"][:90], *[20_000] * 10]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = analyse_run(run)
    assert not result.targets[0].trials[0].is_valid
    assert any("single, trial 1 is INVALID" in line for line in limits_of(result))
    assert "measurement INVALID or incomplete" in page_of(run)


def test_a_missing_target_is_named_everywhere_and_dropped_nowhere(
    run: RunFolder,
) -> None:
    result = analyse_run(run)
    words = words_of(page_of(run))
    assert "cdn is missing: nginx said &lt;no&gt;" in words
    assert not result.is_valid
    assert limits_of(result)[0].startswith("cdn was asked for and is missing")
    assert any("cdn is missing" in line for line in summary_lines(result))


def test_both_worlds_are_set_side_by_side_whichever_way_it_falls(
    run: RunFolder,
) -> None:
    latency, cpu, faults = comparisons(analyse_run(run))
    assert "took 89.9 times as long on validators-4 as on single" in latency
    assert "4 times as much CPU on validators-4" in cpu
    assert "120 requests failed on single (server) and 0 on validators-4" in faults


def test_the_first_screen_tells_what_speaks_against_each(run: RunFolder) -> None:
    chain, single = against_each(analyse_run(run))
    assert chain.startswith("Against validators-4: in this run the wait")
    assert "was 90 times and its CPU 4 times that of" in chain
    assert single.startswith("Against single: its operator can rewrite")
    assert single.endswith("without its server1 it served nobody.")


def test_a_target_is_told_in_a_sentence(run: RunFolder) -> None:
    told = target_sentence(analyse_run(run).targets[0])
    assert "single finished 10 orders/s of 10 offered" in told
    assert "After kill -9 of server1 120 requests failed" in told


def test_every_kind_of_fault_has_its_words() -> None:
    assert set(HIT) == set(FAULT_KINDS)


def test_quick_size_claims_nothing(run: RunFolder) -> None:
    words = words_of(page_of(run))
    assert "it claims nothing beyond that" in words
    assert "1 trial a target carries no interval" in words
    assert words.index("Do you need a chain?") < words.index("What was found")


class Loads(HTMLParser):
    """What a browser would fetch, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br", "link", "img"}:
            self.open.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "data"}:
                self.fetched.append(str(value))
            if name == "id":
                self.ids.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_one_well_formed_file_that_fetches_nothing(run: RunFolder) -> None:
    page = page_of(run)
    parser = Loads()
    parser.feed(page)
    assert parser.fetched == []
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert "<promises>" not in page
    assert "single &lt;promises&gt; &amp; keeps" in page


def test_every_chart_has_its_place_and_its_table(run: RunFolder) -> None:
    page = page_of(run)
    found = re.search(r'id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    charts = json.loads(found.group(1).replace("<\\/", "</"))
    wanted = {"percentiles-place_order-declared", "cost", "timeline-single-1"}
    assert wanted <= set(charts)
    for key, chart in charts.items():
        assert f'id="{key}"' in page
        assert chart["data"], key
    assert page.count("The figures of this chart") == len(charts)


def test_a_run_in_which_nothing_could_start_still_has_a_report(run: RunFolder) -> None:
    manifest = read_json(run.path / "manifest.json")
    manifest["targets"] = ["cdn"]
    write_json(run.path / "manifest.json", manifest)
    assert "Nothing was measured" in words_of(page_of(run))


def test_detection_timers_are_told_as_each_target_tells_them(run: RunFolder) -> None:
    def told() -> str:
        (line,) = [x for x in limits_of(analyse_run(run)) if x.startswith("Detection")]
        return line

    assert told() == "Detection timers are as shipped."
    path = run.path / "targets/validators-4/target.json"
    facts = read_json(path)
    facts["descriptor"]["software"]["failure detection"] = "round timer 0.5 s"
    write_json(path, facts)
    assert told() == (
        "Detection timers are as shipped (validators-4: round timer 0.5 s)."
    )


def test_of_a_target_that_was_found_running_no_machine_is_claimed(
    run: RunFolder,
) -> None:
    def told() -> str:
        result = analyse_run(run)
        return " ".join([size_caveat(result), *limits_of(result)])

    assert "one short trial a target on one machine" in told()
    assert "Everything ran on one machine with 2 cores" in told()
    path = run.path / "manifest.json"
    manifest = read_json(path)
    texts = ["single", "validators-4:chain=https://node.example", "cdn"]
    manifest["generators"] = {"count": 3, "where": ELSEWHERE}
    write_json(path, {**manifest, "target_texts": texts})
    assert "Everything ran on one machine" not in told()
    assert "validators-4 was found running: nothing is known here" in told()
    assert "The load came from 3 generators on other machines" in told()
