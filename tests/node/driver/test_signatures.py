"""What peers hold of a validator tells it whether its safety log is its newest."""

from typing import Any

import pytest

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
from node.driver.background import Background
from node.driver.context import Context, DriverPorts, DriverSettings
from node.driver.heads import Head
from node.driver.peers.signatures import Observed, OwnSignatures
from node.driver.ports import Lanes, PeerInfo, WireMessage
from node.primitives.keccak import keccak256
from node.primitives.types import Address
from node.storage.memory import MemoryBlockStore, MemorySafetyLog
from node.storage.safety_frames import Binding
from node.storage.system import SystemClock
from node.sync.messages import MAX_OBSERVED_SIGNATURES, GetSignatures, Signatures
from node.txpool.pool import TxPool
from tests.node.driver.cluster import CHAIN_ID, genesis_of, inline, key_of
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


class Asking:
    """A validator that starts among others; they are asked, and answer when told to."""

    def __init__(self, validators: int) -> None:
        genesis = genesis_of(validators)
        self.others = [key_of(n).address for n in range(1, validators)]
        self.asked: dict[Address, int] = {}
        self.begun_after: list[int] = []
        self.answers = 0
        unused: Any = None
        ports = DriverPorts(
            SystemClock(),
            Lanes(inline, inline, inline, inline),  # type: ignore[arg-type]
            MemoryBlockStore(),
            MemorySafetyLog(Binding(bytes(16), KEY.address, genesis.digest)),
            unused,
            self,  # type: ignore[arg-type]
            KEY,
            Secp256k1Verifier(),
        )
        context = Context(
            genesis=genesis,
            ports=ports,
            settings=DriverSettings(),
            pool=TxPool(),
            tasks=Background(unused),
            post=unused,
            head=Head(genesis.header, genesis.validators),
        )
        self.own = OwnSignatures(context, self._on_enough)

    def _on_enough(self) -> None:
        self.begun_after.append(self.answers)

    # Network
    def peers(self) -> list[PeerInfo]:
        return [PeerInfo(peer, "memory", False, 0) for peer in self.others]

    def send(self, peer: Address, message: WireMessage) -> None:
        assert isinstance(message, GetSignatures)
        self.asked[peer] = message.request_id

    def answer(self, peer: Address) -> bool:
        """It holds nothing of ours; whether that is enough."""
        self.answers += 1
        self.own.on_signatures(peer, Signatures(self.asked[peer], ()))
        return self.own.is_confirmed


@pytest.mark.parametrize(("validators", "needed"), [(2, 1), (4, 2), (5, 3), (7, 4)])
async def test_as_many_must_answer_as_make_a_quorum_with_the_asker(
    validators: int, needed: int
) -> None:
    """One fewer, and all that made a quorum with it may be among the silent."""
    asking = Asking(validators)
    asking.own.start()
    assert sorted(asking.asked) == sorted(asking.others)
    assert not asking.own.is_confirmed
    enough = [asking.answer(peer) for peer in asking.others[:needed]]
    assert enough == [False] * (needed - 1) + [True]
    assert asking.begun_after == [needed]
    asking.own.close()


async def test_neither_strangers_nor_second_answers_count() -> None:
    asking = Asking(4)
    asking.own.start()
    stranger = key_of(9).address
    asking.own.on_connected(stranger)
    first, second, _ = asking.others
    assert not any(asking.answer(peer) for peer in (stranger, first, first))
    asking.own.on_connected(first)
    assert not asking.answer(first)
    assert asking.answer(second)
    asking.own.close()


async def test_a_single_validator_has_nobody_to_ask() -> None:
    assert Asking(1).own.is_confirmed
