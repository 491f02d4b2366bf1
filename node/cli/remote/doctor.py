"""`chandlery doctor URL`: what is wrong with a node or its network, in a sentence."""

import argparse
from typing import Any

from node.cli.errors import Exit
from node.cli.output import add_json_flag, print_json
from node.cli.remote.status import DEFAULT_URL
from node.cli.rpc_client import call


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery doctor`."""
    parser.description = "what is wrong with a network, in a sentence"
    parser.add_argument("url", nargs="?", default=DEFAULT_URL)
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 when all is well, 1 when something is wrong."""
    findings = diagnose(call(arguments.url, "qbft_status"))
    if arguments.json:
        print_json({"healthy": not findings, "findings": findings})
    else:
        for finding in findings or ["all is well"]:
            print(finding)
    return int(Exit.CHECK_FAILED if findings else Exit.OK)


def diagnose(status: dict[str, Any]) -> list[str]:
    """Sentences, the gravest first; empty when all is well."""
    findings = []
    consensus = status["consensus"]
    validators = status["validators"]
    missing = [row["address"] for row in validators if _is_missing(row, consensus)]
    present = len(validators) - len(missing)
    timer_s = consensus.get("next_timer_s")
    where = f"height {consensus['height']}, round {consensus['round']}"
    if timer_s is not None:
        where += f"; next timer in {timer_s:.1f} s"
    if present < status["quorum"]:
        findings.append(
            f"no quorum: {present} of {len(validators)} validators are here, "
            f"{status['quorum']} are needed; missing: {', '.join(missing)}; {where}; "
            "start the missing ones"
        )
    elif missing:
        findings.append(
            f"{len(missing)} of {len(validators)} validators missing: "
            f"{', '.join(missing)}; blocks are still made; {where}"
        )
    if status["head"]["overdue"]:
        findings.append(
            f"the last block is {status['head']['age_s']:.0f} s old, expected every "
            f"{status['head']['expected_s']:.0f} s at most; {where}"
        )
    if consensus["signing"] not in ("yes", "observer"):
        findings.append(f"this node does not sign: {consensus['signing']}")
    if status.get("syncing"):
        findings.append(f"catching up: {status['syncing']}")
    if status.get("evidence"):
        findings.append(
            f"{status['evidence']} double signatures are on record; "
            "see qbft_getEvidence and remove the liar with `chandlery validators`"
        )
    return findings


def _is_missing(row: dict[str, Any], consensus: dict[str, Any]) -> bool:
    """Not connected, or silent in a round that waits: paused or cut off, perhaps."""
    is_silent = consensus["round"] > 0 and not row["present"]
    return bool(not row["connected"] or is_silent)
