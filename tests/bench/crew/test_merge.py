"""Merging: every operation once, with its customer, in the order of outcomes."""

import dataclasses
from pathlib import Path

from bench.crew.generator import HISTORY, LAG
from bench.crew.merge import merge_histories, merge_lags
from bench.history.files import LineWriter, read_lines, read_records
from bench.history.record import Record
from tests.bench.made_run import record


def shard_folder(root: Path, shard: int, records: list[Record]) -> Path:
    folder = root / f"generator-{shard + 1}"
    folder.mkdir()
    history, lag = LineWriter(folder / HISTORY), LineWriter(folder / LAG)
    for item in records:
        history.record(item)
    for second in range(2):
        lag.line({"second": second, "lags_us": [shard], "generator_cpu_ms": shard})
    history.close()
    lag.close()
    return folder


def test_histories_are_merged_without_loss_and_customers_counted_back(
    tmp_path: Path,
) -> None:
    whole = [record(number, 40.0 - number) for number in range(30)]
    shards = 3
    folders = [
        shard_folder(
            tmp_path,
            shard,
            [
                dataclasses.replace(item, customer=item.customer // shards)
                for item in whole
                if item.customer % shards == shard
            ],
        )
        for shard in range(shards)
    ]
    out = LineWriter(tmp_path / "merged")
    assert merge_histories(folders, out) == 30
    out.close()
    merged = read_records(tmp_path / "merged")
    assert sorted(merged, key=lambda item: item.session) == whole
    assert [item.final_ns for item in merged] == sorted(i.final_ns for i in whole)


def test_every_generators_watch_on_itself_stays_its_own(tmp_path: Path) -> None:
    folders = [shard_folder(tmp_path, shard, []) for shard in range(2)]
    out = LineWriter(tmp_path / "lag")
    merge_lags(folders, out)
    out.close()
    lines = read_lines(tmp_path / "lag")
    assert [(line["second"], line["generator"]) for line in lines] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert [line["lags_us"] for line in lines] == [[0], [1], [0], [1]]
