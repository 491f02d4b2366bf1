"""geth's prestateTracer, from what an executor says that a run touched.

The accounts that a transaction needs, as they were before it; with `diffMode` those it
changed, before ("pre") and after ("post"). An account is shown when an opcode names it
and runs, as is its delegate when it is called; a slot when it is read or written. The
same for both executors, for both give the same account of that (`TOUCH_TRACER`).
Source: go-ethereum eth/tracers/native/prestate.go.
"""

from collections.abc import Mapping
from typing import Any

from node.primitives.keccak import keccak256

Touched = Mapping[str, Any]
"""{"accounts": {address: {"before", "after", "slots"}}}, see touched.rs."""

OPTIONS = ("diffMode", "disableCode", "disableStorage", "includeEmpty")


def prestate_of(touched: Touched, options: Mapping[str, Any]) -> dict[str, Any]:
    """The tracer's answer."""
    accounts = {at: touched["accounts"][at] for at in sorted(touched["accounts"])}
    if options.get("diffMode"):
        return _difference(accounts, options)
    return {
        at: _before(entry, options)
        for at, entry in accounts.items()
        if options.get("includeEmpty") or not _is_empty(entry["before"])
    }


def _difference(accounts: Touched, options: Mapping[str, Any]) -> dict[str, Any]:
    pre, post = {}, {}
    for at, entry in accounts.items():
        is_gone = entry["after"] is None
        if not is_gone:
            after = _after(entry, options)
            if after is None:
                continue
            post[at] = after
        if not _is_empty(entry["before"]):
            kept = {
                slot: (old, new)
                for slot, (old, new) in entry["slots"].items()
                if is_gone or (old != new and int(old, 16))
            }
            pre[at] = _before({**entry, "slots": kept}, options)
    return {"pre": pre, "post": post}


def _before(entry: Touched, options: Mapping[str, Any]) -> dict[str, Any]:
    before = entry["before"]
    answer: dict[str, Any] = {"balance": before["balance"]}
    if int(before["nonce"], 16):
        answer["nonce"] = int(before["nonce"], 16)
    if before["code"] != "0x" and not options.get("disableCode"):
        answer["code"] = before["code"]
    if before["code"] != "0x":
        answer["codeHash"] = _code_hash(before)
    if entry["slots"] and not options.get("disableStorage"):
        answer["storage"] = _storage(entry, 0)
    return answer


def _after(entry: Touched, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Only what changed, None for nothing; a slot that became zero is not shown."""
    before, after = entry["before"], entry["after"]
    answer: dict[str, Any] = {}
    if after["balance"] != before["balance"]:
        answer["balance"] = after["balance"]
    if after["nonce"] != before["nonce"]:
        answer["nonce"] = int(after["nonce"], 16)
    if after["code"] != before["code"]:
        answer["codeHash"] = _code_hash(after)
        if not options.get("disableCode"):
            answer["code"] = after["code"]
    slots = {} if options.get("disableStorage") else entry["slots"]
    changed = {slot: pair for slot, pair in slots.items() if pair[0] != pair[1]}
    shown = _storage({"slots": changed}, 1)
    if shown:
        answer["storage"] = shown
    return answer if answer or changed else None


def _code_hash(account: Mapping[str, str]) -> str:
    return "0x" + keccak256(bytes.fromhex(account["code"][2:])).hex()


def _storage(entry: Touched, at: int) -> dict[str, str]:
    """Slot -> word, in order; of words after the run without zeros."""
    words = {
        f"0x{int(slot, 16):064x}": int(pair[at], 16)
        for slot, pair in entry["slots"].items()
    }
    return {
        slot: f"0x{words[slot]:064x}"
        for slot in sorted(words)
        if at == 0 or words[slot]
    }


def _is_empty(account: Mapping[str, str]) -> bool:
    no_balance = not int(account["balance"], 16) and not int(account["nonce"], 16)
    return no_balance and account["code"] == "0x"
