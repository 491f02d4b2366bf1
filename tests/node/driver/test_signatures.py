"""What peers hold of a validator tells it whether its safety log is its newest."""

from node.chain.signing import SigningDomain
from node.consensus import codec
from node.consensus.messages import (
    Commit,
    CommitDraft,
    Message,
    Prepare,
    PrepareDraft,
    RoundChange,
    RoundChangeDraft,
)
from node.driver.peers.signatures import Observed
from node.primitives.keccak import keccak256
from node.sync.messages import MAX_OBSERVED_SIGNATURES, GetSignatures
from tests.node.driver.cluster import CHAIN_ID, genesis_of, key_of

DOMAIN = SigningDomain(CHAIN_ID, genesis_of(1).digest)
KEY = key_of(0)
DIGEST = keccak256(b"block")


def held(observed: Observed) -> list[bytes]:
    return list(observed.answer(GetSignatures(1, KEY.address)).messages)


def prepare(height: int, round_: int) -> Message:
    payload = Prepare(height, round_, DIGEST)
    return codec.sign_draft(PrepareDraft(payload), DOMAIN, KEY)


def test_the_messages_of_the_newest_height_are_answered_in_order() -> None:
    observed = Observed()
    commit = codec.sign_draft(CommitDraft(Commit(5, 0, DIGEST)), DOMAIN, KEY)
    change = codec.sign_draft(RoundChangeDraft(RoundChange(5, 1)), DOMAIN, KEY)
    for message in (prepare(4, 9), change, prepare(5, 0), commit, prepare(3, 0)):
        observed.note(message)
    wanted = [codec.encode_message(m) for m in (prepare(5, 0), commit, change)]
    assert held(observed) == wanted


def test_endless_rounds_keep_only_the_newest() -> None:
    observed = Observed()
    for round_ in range(40):
        observed.note(prepare(7, round_))
    rounds = range(40 - MAX_OBSERVED_SIGNATURES, 40)
    assert held(observed) == [codec.encode_message(prepare(7, r)) for r in rounds]


def test_nothing_is_held_of_a_validator_that_was_never_heard() -> None:
    assert held(Observed()) == []
