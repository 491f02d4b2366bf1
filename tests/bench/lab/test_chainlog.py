"""What nodes told each other is read from their own logs, as the nodes write them."""

import json
from pathlib import Path

from bench.lab.chainlog import FINAL, Heard, finals, heard_of, read_node_log, steps_of
from node.chain.signing import SigningDomain
from node.consensus.codec import encode_message, sign_draft
from node.consensus.events import MessageReceived, TimerFired, TimerKind
from node.consensus.messages import (
    Commit,
    CommitDraft,
    Prepare,
    PrepareDraft,
    RoundChange,
    RoundChangeDraft,
)
from node.driver.event_log import entry_of
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Hash32

DOMAIN = SigningDomain(7, Hash32(b"g" * 32))
KEY = PrivateKey.generate()
DIGEST = Hash32(bytes(range(32)))
NAMES = {KEY.address.hex(): "node1"}


def received(draft: object) -> dict[str, object]:
    """A log entry as a node would write it."""
    message = sign_draft(draft, DOMAIN, KEY)  # type: ignore[arg-type]
    assert encode_message(message)
    return entry_of(MessageReceived(1500, KEY.address, message))


def test_messages_of_each_kind_are_read_from_their_wire_form() -> None:
    drafts = [
        (PrepareDraft(Prepare(5, 2, DIGEST)), "PREPARE", DIGEST.hex()),
        (CommitDraft(Commit(5, 2, DIGEST)), "COMMIT", DIGEST.hex()),
    ]
    for draft, what, digest in drafts:
        heard = heard_of(received(draft), "node2", NAMES, 1.0)
        assert heard == Heard(1.0, "node2", what, 5, 2, digest, "node1")


def test_a_change_of_round_has_no_block() -> None:
    draft = RoundChangeDraft(RoundChange(5, 3, None, None), ())
    heard = heard_of(received(draft), "node2", NAMES, 1.0)
    assert heard == Heard(1.0, "node2", "ROUND-CHANGE", 5, 3, "", "node1")


def test_a_log_is_read_to_its_torn_end(tmp_path: Path) -> None:
    fired = entry_of(TimerFired(2500, TimerKind.ROUND, 5, 0))
    prepare = received(PrepareDraft(Prepare(5, 0, DIGEST)))
    log = tmp_path / "events.jsonl"
    lines = [json.dumps(prepare), json.dumps(fired), '{"type": "Messa']
    log.write_text("\n".join(lines))
    heard = read_node_log(log, "node2", NAMES, 0.5)
    assert [(h.at_s, h.what) for h in heard] == [
        (1.0, "PREPARE"),
        (2.0, "waited long enough"),
    ]


def test_a_message_to_several_is_one_step_at_the_first_that_had_it() -> None:
    heard = [
        Heard(2.0, "node3", "COMMIT", 5, 0, "abcdef12", "node1"),
        Heard(1.0, "node2", "COMMIT", 5, 0, "abcdef12", "node1"),
        Heard(1.5, "node2", "COMMIT", 6, 0, "abcdef12", "node1"),
        Heard(3.0, "node2", FINAL, 5, 0, "abcdef12"),
    ]
    first, last = steps_of(heard, [5])
    assert (first.at_s, first.source, first.targets) == (
        1.0,
        "node1",
        ("node3", "node2"),
    )
    assert first.label == "COMMIT height 5 round 0 block abcdef"
    assert (last.source, last.targets) == ("node2", ())


def test_two_final_blocks_of_one_height_are_seen() -> None:
    heard = [
        Heard(1.0, "node1", FINAL, 5, 0, "aa"),
        Heard(0.9, "node2", FINAL, 5, 0, "bb"),
        Heard(2.0, "node1", FINAL, 6, 1, "cc"),
    ]
    found = finals(heard)
    assert found[5].digests == {"aa", "bb"}
    assert found[5].at_s == 0.9
    assert (found[6].round, found[6].digests) == (1, {"cc"})
