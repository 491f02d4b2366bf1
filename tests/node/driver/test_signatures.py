"""What peers hold of a validator tells it whether its safety log is its newest."""

from node.chain.signing import Secp256k1Verifier, SigningDomain
from node.consensus import codec
from node.consensus.messages import (
    BlockReference,
    Commit,
    CommitDraft,
    Message,
    Prepare,
    PrepareDraft,
    Proposal,
    ProposalDraft,
    RoundChange,
    RoundChangeDraft,
)
from node.driver.peers.signatures import Observed
from node.primitives.keccak import keccak256
from node.sync.messages import MAX_OBSERVED_SIGNATURES, GetSignatures
from tests.node.driver.cluster import CHAIN_ID, genesis_of, key_of
from tests.node.storage.samples import finals

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


def test_a_proposal_is_held_without_its_transactions_and_still_decodes() -> None:
    header = finals(1)[0].header
    payload = Proposal(1, 0, header.digest)
    block = BlockReference(header, (DIGEST,) * 5_000)
    message = codec.sign_draft(ProposalDraft(payload, block), DOMAIN, KEY)
    observed = Observed()
    observed.note(message)
    [raw] = held(observed)
    assert len(raw) < 1_000
    decoded = codec.decode_message(raw, DOMAIN, Secp256k1Verifier())
    assert decoded.signed == message.signed


def test_nothing_is_held_of_a_validator_that_was_never_heard() -> None:
    assert held(Observed()) == []
