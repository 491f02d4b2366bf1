"""`chandlery verify`: a verdict with its reason, and exit codes for scripts."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.cli.main import main
from tests.node.chain.proofs.made_chain import (
    SHOP,
    MadeChain,
    moved_log,
    placed_log,
    receipt_of,
)
from tests.node.chain.proofs.test_order import ORDER, document_of


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A receipt of two events, and the genesis file to trust."""
    chain = MadeChain()
    chain.add(receipt_of(placed_log(ORDER)))
    chain.add(receipt_of(moved_log(ORDER, 3)))
    receipt, genesis = tmp_path / "order.json", tmp_path / "genesis.json"
    receipt.write_text(json.dumps(document_of(chain, (1, 0), (2, 0))))
    genesis.write_text(json.dumps(chain.genesis.to_json()))
    return receipt, genesis


def verify(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main(["verify", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_a_receipt_that_holds_tells_the_story(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    receipt, genesis = files
    code, said = verify(capsys, receipt, "--trust", genesis)
    assert code == 0
    assert said.startswith(f"VALID    order {ORDER} of the shop at 0x{SHOP.hex()}")
    assert "block 2: moulding" in said
    assert "3 of 4 validators" in said
    assert "a receipt cannot know" in said


def test_the_verdict_as_json(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    receipt, genesis = files
    code, said = verify(capsys, receipt, "--trust", genesis, "--json")
    verdict: Any = json.loads(said)
    assert (code, verdict["valid"], verdict["status"]) == (0, True, "moulding")
    document = json.loads(receipt.read_text())
    document["events"][0]["buyer"] = "0x" + "12" * 20
    receipt.write_text(json.dumps(document))
    code, said = verify(capsys, receipt, "--trust", genesis, "--json")
    verdict = json.loads(said)
    assert (code, verdict["valid"]) == (1, False)
    assert "'buyer'" in verdict["reason"]


def test_a_receipt_of_another_shop_is_refused_where_the_shop_is_known(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    receipt, genesis = files
    known = ("--trust", genesis, "--shop")
    assert verify(capsys, receipt, *known, "0x" + SHOP.hex().upper())[0] == 0
    code, said = verify(capsys, receipt, *known, "0x" + "12" * 20)
    assert code == 1
    assert said.startswith("INVALID  shop:")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", 2, "is not JSON"),
        ("[]", 1, "INVALID  the receipt is no JSON object"),
        ("{}", 1, "INVALID  the receipt lacks 'format'"),
        (None, 2, "cannot read"),
    ],
)
def test_what_is_no_receipt_is_said(
    files: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    text: str | None,
    code: int,
    words: str,
) -> None:
    receipt, genesis = files
    receipt.unlink()
    if text is not None:
        receipt.write_text(text)
    ended, said = verify(capsys, receipt, "--trust", genesis)
    assert ended == code
    assert words in said
