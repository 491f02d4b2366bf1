"""The command line: what it says, and that it leaves nothing behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from central_baseline import commands

COMMAND = [sys.executable, "-m", "central_baseline"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=90, check=False
    )


def processes_of(folder: Path) -> list[psutil.Process]:
    """Processes that name the folder in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "rung"
    commands.down(tmp_path / "rung")


def test_up_status_down_and_nothing_stays(folder: Path) -> None:
    up = run("up", "single", "--dir", str(folder), "--json")
    assert up.returncode == 0, up.stderr
    url = json.loads(up.stdout)["urls"][0]
    assert url.startswith("http://127.0.0.1:")

    status = run("status", "single", "--dir", str(folder), "--json")
    assert status.returncode == 0
    seen = json.loads(status.stdout)
    assert (seen["up"], seen["urls"]) == (True, [url])
    assert [c["state"] for c in seen["components"]] == ["running"]

    again = run("up", "single", "--dir", str(folder))
    assert again.returncode == 3
    assert "already up" in again.stderr

    short = run("status", "--dir", str(folder))
    assert short.returncode == 0
    assert short.stdout.startswith(f"single at {url}")

    down = run("down", "--dir", str(folder))
    assert (down.returncode, down.stdout) == (0, "stopped server\n")
    assert processes_of(folder) == []
    gone = run("status", "single", "--dir", str(folder))
    assert (gone.returncode, gone.stdout) == (1, "single is not running\n")


def test_ctrl_c_in_the_foreground_stops_everything_and_says_so(folder: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "up", "single", "--dir", str(folder), "--foreground"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "single is up at http://" in process.stdout.readline()
        assert len(processes_of(folder)) > 1
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "stopped server\n")
    [progress] = errors.splitlines()
    assert re.fullmatch(r"\S+Z server is up after \d+\.\d s", progress)
    assert processes_of(folder) == []


def test_ctrl_c_while_starting_leaves_nothing(folder: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "up", "database", "--dir", str(folder), "--foreground"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        supervisor = psutil.Process(process.pid)
        while not supervisor.children():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert processes_of(folder) == []


def test_a_killed_supervisor_takes_its_servers_along(folder: Path) -> None:
    assert run("up", "single", "--dir", str(folder)).returncode == 0
    below = processes_of(folder)
    daemon = next(p for p in below if "central_baseline.daemon" in p.cmdline())
    tree = [daemon, *daemon.children(recursive=True)]
    daemon.kill()
    _, alive = psutil.wait_procs(tree, timeout=20)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    # The next one finds the data and goes on.
    assert run("up", "single", "--dir", str(folder)).returncode == 0


def test_an_ordinary_user_needs_nothing_of_root_s(folder: Path) -> None:
    """Root sees itself as somebody ordinary, in a namespace of its own."""
    if os.geteuid() != 0:
        pytest.skip("all tests here are run by an ordinary user")
    ordinary = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    try:
        subprocess.run([*ordinary, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no user namespaces here: {error}")
    words = [*ordinary, *COMMAND, "up", "single", "--dir", str(folder)]
    up = subprocess.run(words, capture_output=True, text=True, check=False)
    assert up.returncode == 0, up.stderr
    assert run("down", "--dir", str(folder)).returncode == 0
    assert processes_of(folder) == []


def test_a_taken_port_is_named_before_anything_starts(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        up = run("up", "single", "--dir", str(folder), "--port", str(port))
    assert up.returncode == 3
    assert f"port {port} on 127.0.0.1 is taken" in up.stderr
    assert "Traceback" not in up.stderr
    assert processes_of(folder) == []


def test_a_folder_of_another_rung_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "rung.json").write_text('{"format": 1, "rung": "database"}')
    up = run("up", "single", "--dir", str(folder))
    assert up.returncode == 3
    assert "holds the rung 'database'" in up.stderr


def test_a_folder_with_other_things_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("irreplaceable")
    up = run("up", "single", "--dir", str(folder))
    assert up.returncode == 3
    assert "not a rung's folder" in up.stderr
    assert os.listdir(folder) == ["thesis.txt"]


def test_an_unknown_rung_lists_those_there_are(tmp_path: Path) -> None:
    up = run("up", "cloud", "--dir", str(tmp_path))
    assert up.returncode == 2
    assert "there are single, database" in up.stderr


def test_down_of_what_is_not_up_says_so(tmp_path: Path) -> None:
    down = run("down", "single", "--dir", str(tmp_path / "nothing"))
    assert down.returncode == 0
    assert "was not running" in down.stdout


def test_a_folder_says_itself_which_rung_it_is(folder: Path) -> None:
    folder.mkdir()
    unknown = run("down", "--dir", str(folder))
    assert unknown.returncode == 2
    assert "is not a rung's folder" in unknown.stderr
    (folder / "rung.json").write_text('{"format": 1, "rung": "cached"}')
    for words in (["--dir", str(folder)], [str(folder)]):
        down = run("down", *words)
        assert (down.returncode, down.stderr) == (0, "")
        assert down.stdout == f"cached was not running in {folder}\n"
    other = run("status", "single", "--dir", str(folder))
    assert other.returncode == 3
    assert "holds the rung 'cached'" in other.stderr
    neither = run("status")
    assert neither.returncode == 2
    assert "which rung?" in neither.stderr
