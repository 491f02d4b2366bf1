"""geth's prestateTracer, from what an executor says that a run touched.

The accounts that a transaction needs, as they were before it; with `diffMode` those it
changed, before ("pre") and after ("post"). The same for both executors, for both give
the same account of what was touched (`TOUCH_TRACER`).
Source: go-ethereum eth/tracers/native/prestate.go.
"""

from collections.abc import Mapping
from typing import Any

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
        after = _after(entry, options)
        if entry["after"] is not None and not after:
            continue
        if entry["after"] is not None:
            post[at] = after
        if options.get("includeEmpty") or not _is_empty(entry["before"]):
            changed = {
                slot: (old, new)
                for slot, (old, new) in entry["slots"].items()
                if entry["after"] is None or (old != new and int(old, 16))
            }
            pre[at] = _before({**entry, "slots": changed}, options)
    return {"pre": pre, "post": post}


def _before(entry: Touched, options: Mapping[str, Any]) -> dict[str, Any]:
    before = entry["before"]
    answer: dict[str, Any] = {"balance": before["balance"]}
    if int(before["nonce"], 16):
        answer["nonce"] = int(before["nonce"], 16)
    if before["code"] != "0x" and not options.get("disableCode"):
        answer["code"] = before["code"]
    if entry["slots"] and not options.get("disableStorage"):
        answer["storage"] = _storage(entry, 0)
    return answer


def _after(entry: Touched, options: Mapping[str, Any]) -> dict[str, Any]:
    """Only what changed; a slot that became zero is not named."""
    before, after = entry["before"], entry["after"] or {}
    answer: dict[str, Any] = {}
    if after and after["balance"] != before["balance"]:
        answer["balance"] = after["balance"]
    if after and after["nonce"] != before["nonce"]:
        answer["nonce"] = int(after["nonce"], 16)
    if after and after["code"] != before["code"] and not options.get("disableCode"):
        answer["code"] = after["code"]
    changed = {s: pair for s, pair in entry["slots"].items() if pair[0] != pair[1]}
    if changed and not options.get("disableStorage"):
        answer["storage"] = _storage({"slots": changed}, 1)
    return answer


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
