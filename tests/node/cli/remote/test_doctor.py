"""What is wrong with a network, in a sentence."""

from copy import deepcopy
from typing import Any

from node.cli.remote.doctor import diagnose

WELL: dict[str, Any] = {
    "head": {"height": 9, "age_s": 0.4, "expected_s": 5.0, "overdue": False},
    "consensus": {"height": 10, "round": 0, "next_timer_s": 1.0, "signing": "yes"},
    "quorum": 3,
    "validators": [
        {"address": f"0x{name}", "connected": True, "present": False}
        for name in ("aa", "bb", "cc", "dd")
    ],
    "syncing": None,
    "evidence": 0,
}


def ill(**changes: Any) -> dict[str, Any]:
    status = deepcopy(WELL)
    for part, values in changes.items():
        if isinstance(values, dict):
            status[part].update(values)
        else:
            status[part] = values
    return status


def test_silence_before_a_round_is_no_illness() -> None:
    assert diagnose(WELL) == []


def test_no_quorum_is_one_sentence_with_who_where_and_when() -> None:
    status = ill(consensus={"round": 6, "next_timer_s": 3.14})
    for row, connected in zip(
        status["validators"], (True, True, False, True), strict=True
    ):
        row["connected"], row["present"] = connected, row["address"] < "0xcc"
    [sentence] = diagnose(status)
    assert sentence.startswith(
        "no quorum: 2 of 4 validators are here, 3 are needed; missing: 0xcc, 0xdd; "
        "height 10, round 6; next timer in 3.1 s"
    )


def test_one_missing_of_four_is_told_without_alarm() -> None:
    status = ill()
    status["validators"][1]["connected"] = False
    [sentence] = diagnose(status)
    assert "1 of 4 validators missing: 0xbb; blocks are still made" in sentence


def test_evidence_and_a_node_that_does_not_sign_are_told() -> None:
    lost = "the safety log is missing or foreign; see `chandlery recover`"
    sentences = diagnose(ill(consensus={"signing": lost}, evidence=2))
    assert sentences[0] == f"this node does not sign: {lost}"
    assert sentences[1].startswith("2 double signatures are on record")
