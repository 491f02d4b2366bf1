"""What validators told each other, from their event logs.

A node that runs with `log.events` writes every event and effect of its consensus as a
line of JSON; a message is in it as it came over the wire: RLP of
[code, [height, round, digest], signature, ...]. Only these three numbers are read here,
and the peer that a message came from; nobody's signature is checked, because this is a
drawing and no proof.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlp
from rlp.exceptions import DecodingError

from bench.lab.sequence import Step

KINDS = {0: "PROPOSAL", 1: "PREPARE", 2: "COMMIT", 3: "ROUND-CHANGE"}
DIGEST_SHOWN = 6
FINAL = "has the block final"


@dataclass(frozen=True, slots=True)
class Heard:
    """Something in one node's log: a message it heard, or something it did."""

    at_s: float
    node: str
    what: str
    height: int
    round: int
    digest: str = ""
    peer: str | None = None  # None: not a message from another


def read_node_log(
    path: Path, node: str, names: Mapping[str, str], zero_s: float
) -> list[Heard]:
    """A node's own log. `names` leads from addresses (lower-case hex) to names; moments
    are seconds since `zero_s` on the same monotonic clock."""
    found: list[Heard] = []
    if not path.is_file():
        return found
    with path.open(encoding="utf-8") as lines:
        now_s = 0.0
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the last line of a node that was killed
            if "at_ms" in entry:
                now_s = entry["at_ms"] / 1000 - zero_s
            heard = heard_of(entry, node, names, now_s)
            if heard is not None:
                found.append(heard)
    return found


def read_simulation(lines: Iterable[str], names: Mapping[str, str]) -> list[Heard]:
    """The log of `chandlery simulate --log`, in virtual seconds."""
    found = []
    now_s: dict[str, float] = {}
    for line in lines:
        document = json.loads(line)
        if "entry" not in document:
            continue
        host, entry = document["host"], document["entry"]
        if "at_ms" in entry:
            now_s[host] = entry["at_ms"] / 1000
        heard = heard_of(entry, host, names, now_s.get(host, 0.0))
        if heard is not None:
            found.append(heard)
    return found


def heard_of(
    entry: Mapping[str, Any], node: str, names: Mapping[str, str], at_s: float
) -> Heard | None:
    """One line of a log, if it is worth drawing."""
    match entry["type"]:
        case "MessageReceived" if entry["peer"] is not None:
            read = _wire(entry["message"].get("wire", ""))
            if read is None:
                return None
            kind, height, number, digest = read
            peer = names.get(entry["peer"].lower(), entry["peer"][:8])
            return Heard(at_s, node, kind, height, number, digest, peer)
        case "TimerFired" if entry["kind"] == "round":
            what = "waited long enough"
            return Heard(at_s, node, what, entry["height"], entry["round"])
        case "CommitBlock":
            told = entry["certificate"]
            numbers = (told["height"], told["round"])
            return Heard(at_s, node, FINAL, *numbers, told["digest"])
        case "RecordEvidence":
            signed = entry["evidence"]["first"]
            payload = signed["payload"]
            author = names.get(signed["author"].lower(), signed["author"][:8])
            what = f"keeps evidence: {author} signed two {payload['type'].upper()}s"
            return Heard(at_s, node, what, payload["height"], payload["round"])
    return None


def _wire(wire: str) -> tuple[str, int, int, str] | None:
    """(kind, height, round, digest) of a message's wire form; None if it is none."""
    try:
        parts = rlp.decode(bytes.fromhex(wire), strict=False)
        code = int.from_bytes(parts[0], "big")
        height, number = (int.from_bytes(part, "big") for part in parts[1][:2])
        digest = parts[1][2]
    except (DecodingError, ValueError, TypeError, IndexError):
        return None
    shown = digest.hex() if isinstance(digest, bytes) else ""
    return KINDS.get(code, f"message {code}"), height, number, shown


def steps_of(heard: Sequence[Heard], heights: Sequence[int]) -> list[Step]:
    """Steps of these heights: one message to several is one step, at the moment the
    first of them had it."""
    messages: dict[tuple[str, str, int, int, str], list[Heard]] = {}
    steps = []
    for item in heard:
        if item.height not in heights:
            continue
        if item.peer is None:
            label = f"{item.what} (height {item.height}, round {item.round}"
            label += f", block {item.digest[:DIGEST_SHOWN]})" if item.digest else ")"
            steps.append(Step(item.at_s, item.node, (), label))
        else:
            key = (item.peer, item.what, item.height, item.round, item.digest)
            messages.setdefault(key, []).append(item)
    for (peer, what, height, number, digest), items in messages.items():
        targets = tuple(dict.fromkeys(item.node for item in items))
        block = f" block {digest[:DIGEST_SHOWN]}" if digest else ""
        label = f"{what} height {height} round {number}{block}"
        steps.append(Step(min(item.at_s for item in items), peer, targets, label))
    return sorted(steps, key=lambda step: step.at_s)


@dataclass(frozen=True, slots=True)
class Final:
    """A height that became final: when the first node had it, in which round, and the
    digests that nodes had (one, or the chain has forked)."""

    at_s: float
    round: int
    digests: frozenset[str]


def finals(heard: Sequence[Heard]) -> dict[int, Final]:
    """Every final height in the logs."""
    found: dict[int, Final] = {}
    for item in heard:
        if item.what == FINAL:
            known = found.get(item.height, Final(item.at_s, item.round, frozenset()))
            first_s = min(known.at_s, item.at_s)
            digests = known.digests | {item.digest}
            found[item.height] = Final(first_s, known.round, digests)
    return found
