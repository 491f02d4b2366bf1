"""The benchmark runs, on little: a row for every engine and size, memory, progress."""

import pytest

from node.execution.bench_engine.__main__ import Progress, main
from node.execution.bench_engine.engines import PHASES

NATIVE = "the native executor is not installed"


def test_a_row_for_every_size_of_block_says_what_each_phase_took(capsys):
    pytest.importorskip("chandlery_native", reason=NATIVE)
    pytest.importorskip("eth", reason="py-evm is not installed")
    sizes = ["--slots", "50", "--blocks", "1", "10"]
    assert main([*sizes, "--orders", "20", "--pyevm-orders", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[4:] == [*PHASES, "sum", "process"]
    rows = [line.split() for line in lines[2:] if "MiB" not in line]
    assert [row[:4] for row in rows] == [
        ["native", "50", "1", "20"],
        ["native", "50", "10", "2"],
        ["pyevm", "50", "1", "4"],
        ["pyevm", "50", "10", "1"],
    ]
    for row in rows:
        recover, execute, roots, persist, total, process = map(float, row[4:])
        assert min(recover, execute, roots) > 0
        assert total == pytest.approx(recover + execute + roots + persist, abs=0.3)
        assert process > recover


def test_memory_is_told_from_the_first_order_to_the_last(capsys):
    pytest.importorskip("chandlery_native", reason=NATIVE)
    assert main(["--memory", "1500"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[3:]]
    assert [row[0] for row in rows] == ["0", "1,000", "2,000"]
    assert all(int(row[2]) > 0 for row in rows)


@pytest.mark.parametrize("text", ["0", "-5", "many"])
def test_what_is_no_number_of_orders_is_refused(capsys, text):
    with pytest.raises(SystemExit):
        main([f"--memory={text}"])
    assert f"{text!r} is no number of orders" in capsys.readouterr().err


def test_how_far_it_is_goes_to_stderr(capsys):
    progress = Progress(2_000, every_s=0)
    progress.show(0)
    progress.show(500)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("500 of 2,000 orders in ")
