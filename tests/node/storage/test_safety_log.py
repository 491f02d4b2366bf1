"""The safety log keeps every promise through crashes, or refuses loudly."""

import os
from pathlib import Path

import pytest

from node.chain.signing import MessageCode
from node.consensus.safety import SafetyRecord
from node.driver.ports import DiskFull, StorageFailed
from node.primitives.keccak import keccak256
from node.storage import safety_log
from node.storage.memory import MemorySafetyLog
from node.storage.safety_frames import (
    HEADER_BYTES,
    Binding,
    SafetyLogCorrupt,
)
from node.storage.safety_log import FileSafetyLog
from tests.node.storage.samples import BINDING, prepared_record, record

PREPARE = record(5, 0, MessageCode.PREPARE, keccak256(b"block 5"))
COMMIT = prepared_record(5, 0)


def created(path: Path) -> Path:
    log = path / "safety.log"
    FileSafetyLog.create(log, BINDING)
    return log


def append(log: Path, *batches: list[SafetyRecord]) -> None:
    opened = FileSafetyLog(log, BINDING)
    for batch in batches:
        opened.append(batch)
    opened.close()


def reload(log: Path) -> FileSafetyLog:
    opened = FileSafetyLog(log, BINDING)
    opened.close()
    return opened


def test_an_empty_log_may_sign_anything(tmp_path: Path) -> None:
    state = reload(created(tmp_path)).load()
    assert (state.records, state.sign_above, state.can_sign) == ((), 0, True)


def test_records_come_back_with_their_prepared_certificate(tmp_path: Path) -> None:
    log = created(tmp_path)
    append(log, [PREPARE], [COMMIT])
    state = reload(log).load()
    assert state.records == (PREPARE, COMMIT)
    assert state.prepared == COMMIT.prepared
    assert state.height == 5


def test_only_the_newest_height_is_given(tmp_path: Path) -> None:
    log = created(tmp_path)
    later = record(6, 0, MessageCode.PROPOSAL, keccak256(b"block 6"))
    append(log, [PREPARE, COMMIT], [later])
    assert reload(log).load().records == (later,)


def test_the_state_follows_appends_without_reading_again(tmp_path: Path) -> None:
    opened = FileSafetyLog(created(tmp_path), BINDING)
    opened.append([PREPARE])
    opened.append([COMMIT])
    opened.forbid(9)
    assert opened.load() == FileSafetyLog(tmp_path / "safety.log", BINDING).load()
    opened.close()


def test_forbidden_heights_outlive_restarts_and_only_rise(tmp_path: Path) -> None:
    log = created(tmp_path)
    opened = FileSafetyLog(log, BINDING)
    opened.forbid(12)
    opened.forbid(7)
    opened.append([PREPARE])
    opened.close()
    assert reload(log).load().sign_above == 12


def test_a_missing_log_is_not_created_and_cannot_sign(tmp_path: Path) -> None:
    path = tmp_path / "safety.log"
    opened = FileSafetyLog(path, BINDING)
    assert not opened.load().can_sign
    assert "missing" in opened.refusal
    assert not path.exists()
    with pytest.raises(StorageFailed, match="missing"):
        opened.append([PREPARE])


@pytest.mark.parametrize("field", ["identity", "validator", "genesis_hash"])
def test_a_foreign_log_cannot_sign_and_stays_as_it_is(
    tmp_path: Path, field: str
) -> None:
    log = created(tmp_path)
    append(log, [PREPARE])
    before = log.read_bytes()
    values = {name: getattr(BINDING, name) for name in Binding.__slots__}
    values[field] = bytes(len(values[field]))
    opened = FileSafetyLog(log, Binding(**values))
    assert not opened.load().can_sign
    assert "another node" in opened.refusal
    with pytest.raises(StorageFailed, match="another node"):
        opened.append([COMMIT])
    assert log.read_bytes() == before


def test_create_replaces_nothing(tmp_path: Path) -> None:
    log = created(tmp_path)
    with pytest.raises(StorageFailed, match="not replaced"):
        FileSafetyLog.create(log, BINDING)


def test_a_last_record_torn_at_any_byte_is_dropped(tmp_path: Path) -> None:
    log = created(tmp_path)
    append(log, [PREPARE])
    before = log.stat().st_size
    append(log, [COMMIT])
    whole = log.read_bytes()
    for size in range(before, len(whole)):
        log.write_bytes(whole[:size])
        assert reload(log).load().records == (PREPARE,), size
        assert log.stat().st_size == before
        append(log, [COMMIT])
        assert log.read_bytes() == whole


def test_a_last_record_whose_end_was_never_written_is_dropped(tmp_path: Path) -> None:
    """The file has its new length, but some bytes of the tail never came (zeros)."""
    log = created(tmp_path)
    append(log, [PREPARE])
    before = log.stat().st_size
    append(log, [COMMIT])
    whole = log.read_bytes()
    for size in range(before, len(whole) - 16):
        if before < size < before + 8:
            continue  # the frame is smaller than what a disk writes at once
        log.write_bytes(whole[:size].ljust(len(whole), b"\0"))
        assert reload(log).load().records == (PREPARE,), size


def test_a_batch_whose_end_was_never_written_is_dropped_from_there(
    tmp_path: Path,
) -> None:
    """Zeros from any sector on, wherever in frames and checksums that falls."""
    log = created(tmp_path)
    ends = [log.stat().st_size]
    digest = keccak256(b"block 8")
    records = [record(8, n, MessageCode.PREPARE, digest) for n in range(120)]
    for record_ in records:
        append(log, [record_])
        ends.append(log.stat().st_size)
    whole = log.read_bytes()
    in_frame, in_checksum = 0, 0
    for cut in range(512, len(whole), 512):
        log.write_bytes(whole[:cut].ljust(len(whole), b"\0"))
        complete = sum(end <= cut for end in ends) - 1
        assert reload(log).load().records == tuple(records[:complete]), cut
        in_frame += 0 < cut - ends[complete] < 8
        in_checksum += 0 < ends[complete + 1] - cut < 16
    assert in_frame
    assert in_checksum


def test_a_torn_batch_keeps_its_complete_records(tmp_path: Path) -> None:
    log = created(tmp_path)
    append(log, [PREPARE, COMMIT])
    log.write_bytes(log.read_bytes()[:-1])
    assert reload(log).load().records == (PREPARE,)


def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path) -> None:
    log = created(tmp_path)
    append(log, [PREPARE], [COMMIT])
    whole = log.read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        log.write_bytes(damaged)
        with pytest.raises(SafetyLogCorrupt, match="damaged at byte") as caught:
            FileSafetyLog(log, BINDING)
        assert caught.value.exit_code == 3
        assert log.read_bytes() == damaged


def test_a_record_that_was_cut_out_is_noticed(tmp_path: Path) -> None:
    log = created(tmp_path)
    append(log, [PREPARE])
    first_end = log.stat().st_size
    append(log, [COMMIT])
    whole = log.read_bytes()
    log.write_bytes(whole[:HEADER_BYTES] + whole[first_end:])
    with pytest.raises(SafetyLogCorrupt):
        FileSafetyLog(log, BINDING)


@pytest.mark.parametrize("size", [0, 10, HEADER_BYTES - 1])
def test_a_log_without_its_header_is_refused(tmp_path: Path, size: int) -> None:
    log = created(tmp_path)
    log.write_bytes(log.read_bytes()[:size])
    with pytest.raises(SafetyLogCorrupt, match="header"):
        FileSafetyLog(log, BINDING)


def test_a_new_height_drops_old_records_once_the_file_has_grown(
    tmp_path: Path,
) -> None:
    log = created(tmp_path)
    opened = FileSafetyLog(log, BINDING, compact_bytes=2_000)
    opened.forbid(3)
    sizes = []
    for height in range(4, 40):
        opened.append([record(height, 0, MessageCode.PREPARE, keccak256(b"b"))])
        opened.append([prepared_record(height, 0)])
        sizes.append(log.stat().st_size)
    opened.close()
    assert max(sizes) < 3_000
    state = reload(log).load()
    assert state.records[-1] == prepared_record(39, 0)
    assert len(state.records) == 2
    assert state.sign_above == 3


def test_records_of_the_height_at_work_are_never_compacted_away(
    tmp_path: Path,
) -> None:
    log = created(tmp_path)
    opened = FileSafetyLog(log, BINDING, compact_bytes=300)
    for round_ in range(9):
        opened.append([prepared_record(8, round_)])
    opened.close()
    state = reload(log).load()
    assert [r.round for r in state.records] == list(range(9))


def test_a_full_disk_leaves_the_log_as_it_was_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = created(tmp_path)
    opened = FileSafetyLog(log, BINDING)
    opened.append([PREPARE])
    before = log.read_bytes()
    real = os.pwrite

    def half(file: int, data: bytes, at: int) -> int:
        if at > len(before):
            raise OSError(28, "No space left on device")
        return real(file, bytes(data)[:50], at)

    with monkeypatch.context() as patched:
        patched.setattr(safety_log.os, "pwrite", half)
        with pytest.raises(DiskFull, match="no room"):
            opened.append([COMMIT])
    assert log.read_bytes() == before
    assert opened.load().records == (PREPARE,)
    opened.append([COMMIT])
    opened.close()
    assert reload(log).load().records == (PREPARE, COMMIT)


def test_a_failed_fsync_is_no_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reached the disk is unknown then, whatever the error says."""
    opened = FileSafetyLog(created(tmp_path), BINDING)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safety_log.os, "fdatasync", fail)
    with pytest.raises(StorageFailed) as caught:
        opened.append([PREPARE])
    assert not isinstance(caught.value, DiskFull)
    assert opened.load().records == ()
    monkeypatch.undo()
    with pytest.raises(StorageFailed, match="failed before"):
        opened.append([PREPARE])


def test_the_twin_in_memory_outlives_a_restart() -> None:
    log = MemorySafetyLog(BINDING)
    log.append([PREPARE, COMMIT])
    log.forbid(4)
    again = MemorySafetyLog(BINDING, log.data)
    assert again.load() == log.load()
    assert again.load().records == (PREPARE, COMMIT)
    stranger = Binding(bytes(16), BINDING.validator, BINDING.genesis_hash)
    assert not MemorySafetyLog(stranger, log.data).load().can_sign
