"""The samples of all generators as those of one: nothing folded, nothing averaged.

Histories are merged operation by operation, each with its customer as the whole plan
counts them, in the order in which outcomes became known. Every second of a generator's
watch on itself stays a line of its own with the generator's number, so that each is
judged by itself.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.crew.generator import HISTORY, LAG
from bench.history.files import LineWriter, read_lines, read_records
from bench.workload.shards import customer_of


def merge_histories(folders: Sequence[Path], out: LineWriter) -> int:
    """Write every operation of every shard's folder (by number of shard), by the
    moment its outcome was known; returns how many there were."""
    records = [
        replace(record, customer=customer_of(record.customer, shard, len(folders)))
        for shard, folder in enumerate(folders)
        for record in read_records(folder / HISTORY)
    ]
    records.sort(key=lambda record: (record.final_ns, record.session, record.step))
    for record in records:
        out.record(record)
    return len(records)


def merge_lags(folders: Sequence[Path], out: LineWriter) -> None:
    """Write every line of every generator's watch, by second."""
    lines = [
        {**line, "generator": shard}
        for shard, folder in enumerate(folders)
        for line in read_lines(folder / LAG)
    ]
    for line in sorted(lines, key=lambda line: (line["second"], line["generator"])):
        out.line(line)
