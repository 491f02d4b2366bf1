"""The artifact is what the source compiles to, and can be read without a compiler."""

import json
import subprocess
import sys

import pytest

from shop_contract.artifact import load_artifact
from shop_contract.build import ARTIFACT, SOURCE, compile_source, main
from tests.shop_contract.evm import Evm


def test_the_artifact_is_what_the_source_compiles_to() -> None:
    assert json.loads(ARTIFACT.read_text()) == compile_source(SOURCE.read_text())


def test_check_tells_a_stale_artifact(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--check"]) == 0
    stale = ARTIFACT.parent.parent / "gas.json"
    monkeypatch.setattr("shop_contract.build.ARTIFACT", stale)
    assert main(["--check"]) == 1
    assert "build it again" in capsys.readouterr().out


def test_deploying_the_bytecode_leaves_the_deployed_bytecode() -> None:
    evm = Evm()
    created = evm.transact(b"\x01" * 20, b"", load_artifact().bytecode)
    assert created.success
    assert created.output == load_artifact().deployed_bytecode
    assert len(created.output) <= 24_576  # EIP-170


def test_the_artifact_is_read_without_the_compiler() -> None:
    program = (
        "import sys; sys.modules['vyper'] = None\n"
        "from shop_contract.artifact import load_artifact\n"
        "from shop_contract.codec import encode_call\n"
        "print(load_artifact().compiler, encode_call('withdraw').hex())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["0.4.3+commit.bff19ea2", "3ccfd60b"]
