"""What users get wrong: one clear line, the right exit code, and nothing is lost."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.network.cluster import chandlery, wait_until

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of one that never ran; tests copy it."""
    directory = tmp_path_factory.mktemp("made") / "net"
    chandlery(
        *("init", str(directory), "--validators", "1"),
        *("--rpc-port", "0", "--p2p-port", "0"),
    )
    return directory


@pytest.fixture
def node(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "net")
    return tmp_path / "net" / "node1"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def start(node: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Start a node that must refuse: it ends by itself."""
    return chandlery("start", str(node), *words, check=False)


@contextlib.contextmanager
def running(node: Path) -> "Iterator[subprocess.Popen[str]]":
    """A node that runs; it must end cleanly on Ctrl-C."""
    command = [sys.executable, "-m", "node", "start", str(node)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if '"ready"' in line:
                break
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
            assert process.wait(DEADLINE_S) == 0, rest
            assert "stopped at height" in rest


def assert_refused(
    answer: "subprocess.CompletedProcess[str]", code: int, *words: str
) -> None:
    output = answer.stdout + answer.stderr
    assert answer.returncode == code, output
    assert "Traceback" not in output
    for word in words:
        assert word in output


@pytest.mark.parametrize("flag", ["--rpc-port", "--p2p-port", "--metrics-port"])
def test_a_taken_port_is_named(node: Path, taken_port: int, flag: str) -> None:
    assert_refused(start(node, flag, str(taken_port)), 2, str(taken_port))


def test_a_directory_of_another_network_is_refused(node: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    chandlery("init", str(other), "--validators", "1", "--rpc-port", "0")
    own = (node / "genesis.json").read_text()
    shutil.copy(other / "genesis.json", node / "genesis.json")
    assert_refused(start(node), 4, "another network", "genesis")
    (node / "genesis.json").write_text(own)
    with running(node):
        pass


def test_an_edited_genesis_is_refused(node: Path) -> None:
    genesis = json.loads((node / "genesis.json").read_text())
    genesis["config"]["qbft"]["gathering_ms"] += 1
    (node / "genesis.json").write_text(json.dumps(genesis))
    assert_refused(start(node), 2, "mixHash", "edited")


@pytest.mark.parametrize("name", ["key.json", "password", "tls/key.pem"])
def test_a_secret_that_others_can_read_is_refused(node: Path, name: str) -> None:
    (node / name).chmod(0o644)
    assert_refused(start(node), 3, "chmod 600")


def test_a_directory_that_is_no_node_is_refused(tmp_path: Path) -> None:
    assert_refused(start(tmp_path / "nothing"), 2, "chandlery init")


def test_a_second_process_on_one_directory_is_refused(node: Path) -> None:
    with running(node):
        assert_refused(start(node), 3, "is used by process")


def test_a_newer_layout_is_refused(node: Path) -> None:
    (node / "VERSION").write_text("99\n")
    assert_refused(start(node), 4, "newer version")


def test_a_validator_whose_loss_is_too_many_ends_without_its_safety_log(
    node: Path,
) -> None:
    (node / "safety.log").unlink()
    assert_refused(start(node), 3, "1 of 1 validators", "chandlery recover")
    assert not (node / "safety.log").exists()


def test_recover_needs_consent_and_then_signs_above_a_height(node: Path) -> None:
    (node / "safety.log").unlink()
    assert_refused(chandlery("recover", str(node), check=False), 3, "--i-understand")
    words = ("--above", "0", "--i-understand", "--json")
    answer = chandlery("recover", str(node), *words)
    assert json.loads(answer.stdout) == {"signs_above": 0, "old_log": None}
    url = f"http://127.0.0.1:{_setting(node, 'rpc', 'port')}"
    with running(node):
        wait_until(
            lambda: re.search(r"signing +yes", chandlery("status", url).stdout),
            "it signs",
            DEADLINE_S,
        )


def test_a_damaged_safety_log_is_refused_loudly(node: Path) -> None:
    log = node / "safety.log"
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    assert_refused(start(node), 3, "damaged", "chandlery recover")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nope",), 2, "there is no command 'nope'"),
        (("status", "foo"), 2, "http://HOST:PORT"),
        (("status", "http://127.0.0.1:1"), 1, "no node answers"),
        (("network", "status", "nowhere"), 2, "chandlery init"),
        (("network", "down", "nowhere"), 1, "no supervisor"),
        (("fault", "nowhere", "kill", "node1"), 1, "no supervisor"),
        (("init", "x", "--validators", "0"), 2, "--validators"),
        (("init", "x", "--chain-id", "0"), 2, "--chain-id"),
        (("start",), 2, "NODE_DIR"),
        (("init", "/proc/nothing"), 4, "/proc/nothing"),
    ],
)
def test_a_wrong_command_gets_one_clear_line(
    words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "node", *words]
    answer = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=_environment()
    )
    assert_refused(answer, code, message)


def test_init_never_overwrites(made: Path) -> None:
    before = (made / "genesis.json").read_text()
    assert_refused(chandlery("init", str(made), check=False), 2, "not empty")
    assert (made / "genesis.json").read_text() == before


def test_a_setting_that_is_misspelt_is_refused(node: Path) -> None:
    with (node / "node.toml").open("a") as file:
        file.write("\n[txpool]\nmax_transaction = 5\n")
    assert_refused(start(node), 2, "did you mean 'max_transactions'")


def test_the_version_and_the_overview_are_printed() -> None:
    assert chandlery("--version").stdout.startswith("chandlery ")
    overview = chandlery("--help").stdout
    assert "network" in overview
    assert "central" in overview


def _setting(node: Path, section: str, key: str) -> str:
    text = (node / "node.toml").read_text().split(f"[{section}]")[1]
    found = re.search(rf"^{key} = (.*)$", text, re.MULTILINE)
    assert found is not None
    return found.group(1)


def _environment() -> dict[str, str]:
    root = str(Path(__file__).parents[3])
    return {**os.environ, "PYTHONPATH": root}
