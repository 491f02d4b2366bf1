"""What the page's sources promise, read without a browser.

The page repeats a few facts of the shop (signatures, rules, reasons) because it runs
where Python does not; these tests hold the copies to the originals.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from shop_contract.artifact import load_artifact
from shop_contract.rules import limits
from shop_contract.rules.orders import FINAL, RULES, Action, Status
from shop_contract.rules.reasons import Reason
from shop_contract.storefront import directory

STATIC = directory() / "static"
OURS = [path for path in sorted(STATIC.rglob("*.js")) if "vendor" not in path.parts]
MAX_LINES = 400
# Of the files that the npm registry gives for the versions in vendor/LICENSE.txt.
VENDORED = {
    "noble-secp256k1.js": (
        "ba5aadb469e9208f2da1c9878ab6bb93d2c894f84e6c7ebf9dbf9462741b9fb7"
    ),
    "sha3.js": "9a81e1edb24eae27b335533220167609cfb58008c5690e140ce478acdc669f32",
    "_u64.js": "b09da8c07fe8187c07649494cdb7cd0bcf13df90b506a9473d19e4d5f8c2e102",
    "utils.js": "037ad49adb78168b6b699598fd33f85f7877456b1d28b4d032e2a1a16807947c",
}


def name_of(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def source(name: str) -> str:
    return (STATIC / name).read_text()


def canonical(item: dict[str, Any]) -> str:
    """An ABI type as signatures write it."""
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(canonical(part) for part in item["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def signatures(kind: str) -> dict[str, str]:
    """Signature to result of every function or event in the artifact."""
    return {
        f"{e['name']}({','.join(map(canonical, e['inputs']))})": ",".join(
            map(canonical, e.get("outputs", []))
        )
        for e in load_artifact().abi
        if e["type"] == kind
    }


def test_functions_are_those_of_the_contract() -> None:
    text = source("chain/contract.js")
    (order,) = re.findall(r'const ORDER =\s*"([^"]+)"', text)
    block = text.partition("const FUNCTIONS = {")[2].partition("};")[0]
    rows = re.findall(r'"([^"]+)": ("[^"]*"|ORDER|`[^`]*`)', block)
    assert len(rows) == 27
    known = signatures("function")
    for signature, result in rows:
        plain = result.strip('"`').replace("${ORDER}", order).replace("ORDER", order)
        assert known[signature] == plain, signature


def test_events_are_those_of_the_contract() -> None:
    block = source("chain/contract.js").partition("EVENTS = {")[2].partition("};")[0]
    declared = re.findall(r'(\w+):\s*"([^"]+)"', block)
    assert len(declared) == 4
    for name, signature in declared:
        assert signature in signatures("event")
        assert signature.startswith(name + "(")


def test_the_rules_table_is_that_of_the_rules() -> None:
    text = source("rules.js").partition("export default ")[2].rstrip().rstrip(";")
    quoted = re.sub(r"(\w+):", r'"\1":', text)
    assert json.loads(re.sub(r",(\s*[}\]])", r"\1", quoted)) == {
        "statuses": [status.value for status in Status],
        "final": [status.value for status in FINAL],
        "windows_s": {
            "paid": limits.MOULD_WINDOW_S,
            "moulding": limits.SHIP_WINDOW_S,
            "shipped": limits.DELIVERY_WINDOW_S,
        },
        "claim_window_s": limits.CLAIM_WINDOW_S,
        "max_quantity": limits.MAX_QUANTITY,
        "max_stock": limits.MAX_STOCK,
        "max_changes": limits.MAX_CHANGES,
        "actions": {
            action.value: {
                "sources": [status.value for status in rule.sources],
                "parties": {p.value: t.value for p, t in rule.parties.items()},
            }
            for action, rule in RULES.items()
        },
    }


def words(table: str) -> set[str]:
    block = source("words.js").partition(f"export const {table} = {{")[2]
    return set(re.findall(r"^  (\w+):", block.partition("\n};")[0], re.MULTILINE))


def test_every_reason_status_and_action_has_words() -> None:
    assert {reason.value for reason in Reason} <= words("REASONS")
    assert {status.value for status in Status} == words("STATUSES") == words("STEPS")
    assert {action.value for action in Action} == words("ACTIONS")


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_sources_stay_readable(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= MAX_LINES
    assert lines[0].startswith("//")


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_scripts_build_no_markup_and_run_no_text(path: Path) -> None:
    text = path.read_text()
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "eval(",
        "style=",
    ):
        assert forbidden not in text
    assert not re.search(r"https?://(?!\*)", text.replace("http://www.w3.org/", ""))


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = (directory() / "index.html").read_text()
    assert "<style" not in page
    assert not re.search(r"\son\w+=|\sstyle=|<script>|//", page.partition("<html")[2])
    for script in re.findall(r"<script[^>]*>([^<]*)</script>", page):
        assert script == ""


def test_vendored_files_are_unmodified() -> None:
    vendor = STATIC / "vendor"
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.glob("*.js")
    }
    assert found == VENDORED
    licence = (vendor / "LICENSE.txt").read_text()
    assert "MIT License" in licence
    assert "Paul Miller" in licence
