"""History files: what goes in comes out, torn tails are passed over, damage is not."""

import dataclasses
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.history import files
from bench.history.files import LineWriter, read_lines, read_records
from bench.history.record import Attempt, Record

RECORD = Record(
    session=3,
    step=1,
    customer=9,
    operation="place_order",
    reference="ab" * 32,
    quantity=2,
    intended_ns=10,
    sent_ns=12,
    accepted_ns=20,
    final_ns=90,
    outcome="ok",
    order="17",
    amount=2**127,
    attempts=(Attempt(12, 90, "ok", None),),
)


def write(path: Path, count: int) -> list[Record]:
    records = [dataclasses.replace(RECORD, session=n) for n in range(count)]
    writer = LineWriter(path)
    for record in records:
        writer.record(record)
    writer.close()
    return records


def test_records_come_back_as_they_went_in(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert write(path, 5) == read_records(path)
    assert (RECORD.latency_ns, RECORD.service_ns, RECORD.lag_ns) == (80, 78, 2)


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    records = write(path, 3)
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines(keepends=True)[-1])):
        path.write_bytes(whole[:-cut])
        assert read_records(path) == records[:2]


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{}\n" + lines[2])
    with pytest.raises(BenchError, match=r"history.jsonl, line 2 is not a sample"):
        read_records(path)


def test_a_large_file_is_compressed_and_reads_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "COMPRESS_ABOVE_BYTES", 1000)
    path = tmp_path / "history.jsonl"
    records = write(path, 20)
    assert not path.exists()
    assert path.with_name("history.jsonl.gz").exists()
    assert read_records(path) == records


def test_an_absent_file_holds_nothing(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "absent.jsonl") == []
