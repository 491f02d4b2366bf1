"""The validator contract: its artifact, its layout, and every way the set changes."""

import json
from pathlib import Path

import pytest
from eth_abi import decode as abi_decode
from eth_abi import encode as abi_encode
from eth_utils import function_abi_to_4byte_selector

from node.chain.contract.build import ARTIFACT, SOURCE, compile_source
from node.chain.genesis import ConsensusConfig
from node.chain.genesis_builder import MINIMUM_SIZE_SLOT
from node.chain.receipt import decode_receipt
from node.chain.system_contracts import validators_artifact
from node.chain.validator_contract import (
    MAX_VALIDATORS,
    VALIDATOR_CONTRACT,
    read_validators,
)
from node.execution.executor import Call
from node.execution.pyevm import PyEvmExecutor
from tests.node.execution.local_chain import LocalChain, genesis_for
from tests.node.execution.signing import Draft, address_of

MEMBERS = ("v1", "v2", "v3", "v4")
FUNDED = (*MEMBERS, "new", "other")


def test_the_artifact_is_what_the_source_compiles_to():
    compiled = compile_source(SOURCE.read_text())
    assert json.loads(ARTIFACT.read_text()) == json.loads(json.dumps(compiled))


def test_the_set_lies_where_the_node_reads_it():
    layout = validators_artifact()["storage_layout"]
    assert layout["validators"]["slot"] == 0
    assert layout["validators"]["type"] == f"DynArray[address, {MAX_VALIDATORS}]"
    assert layout["minimum_size"]["slot"] == MINIMUM_SIZE_SLOT


class Registry:
    """The contract on a chain of its own."""

    def __init__(self, directory: Path, minimum: int = 1) -> None:
        self.executor = PyEvmExecutor(
            directory,
            genesis_for(FUNDED, MEMBERS, ConsensusConfig(min_validators=minimum)),
        )
        self.chain = LocalChain(
            self.executor,
            genesis_for(FUNDED, MEMBERS, ConsensusConfig(min_validators=minimum)),
        )

    def send(self, word: str, function: str, *arguments: str) -> str:
        """Send in a block of its own; empty on success, else the contract's reason."""
        data = encode(function, *arguments)
        _, receipt = self.chain.send(
            word, Draft(VALIDATOR_CONTRACT, data=data, gas=10**6)
        )
        return "" if receipt.succeeded else self.reason(word, data)

    def together(self, *calls: tuple[str, ...]) -> list[bool]:
        """Send all in one block."""
        raws = []
        for word, function, *arguments in calls:
            nonce = self.chain.view().nonce(address_of(word))
            data = encode(function, *arguments)
            draft = Draft(VALIDATOR_CONTRACT, nonce, data, gas=10**6)
            raws.append(draft.sign(word))
        receipts = self.chain.add(*raws).receipts
        return [decode_receipt(raw).succeeded for raw in receipts]

    def reason(self, word: str, data: bytes) -> str:
        """Why the call fails on the state as it was."""
        call = Call(address_of(word), VALIDATOR_CONTRACT, data)
        output = self.chain.view().call(call, self.chain.env(), {}).output
        return str(abi_decode(["string"], output[4:])[0])

    def read(self, function: str, *arguments: str) -> object:
        entry = entry_of(function)
        call = Call(bytes(20), VALIDATOR_CONTRACT, encode(function, *arguments))
        result = self.chain.view().call(call, self.chain.env(), {})
        assert not result.error
        types = [item["type"] for item in entry["outputs"]]
        return abi_decode(types, result.output)[0]

    @property
    def members(self) -> set[str]:
        """The set as the node reads it, which must agree with every other view."""
        slots = read_validators(lambda n: self.chain.view().slot(VALIDATOR_CONTRACT, n))
        assert slots is not None
        assert list(slots) == sorted(slots)
        assert [bytes.fromhex(a[2:]) for a in self.read("get_validators")] == list(
            slots
        )
        return {word for word in FUNDED if address_of(word) in slots}


def entry_of(function: str) -> dict:
    return next(
        item for item in validators_artifact()["abi"] if item.get("name") == function
    )


def encode(function: str, *words: str) -> bytes:
    entry = entry_of(function)
    types = [item["type"] for item in entry["inputs"]]
    values = [address_of(word) for word in words]
    return function_abi_to_4byte_selector(entry) + abi_encode(types, values)


@pytest.fixture
def registry(tmp_path):
    registry = Registry(tmp_path)
    yield registry
    registry.executor.close()


def admit_new(registry: Registry) -> None:
    assert registry.send("v1", "propose", "new") == ""
    assert registry.send("v2", "vote_for", "new") == ""
    assert registry.send("v3", "vote_for", "new") == ""
    assert registry.send("new", "accept") == ""


def test_a_candidate_counts_when_a_quorum_voted_and_it_accepted(registry):
    assert registry.read("quorum") == 3
    registry.send("v1", "propose", "new")
    registry.send("v2", "vote_for", "new")
    assert registry.send("new", "accept") == "no quorum yet"
    registry.send("v3", "vote_for", "new")
    assert registry.members == set(MEMBERS)
    assert registry.send("new", "accept") == ""
    assert registry.members == {*MEMBERS, "new"}
    assert registry.read("get_candidates") == ()


def test_the_next_set_is_told_with_the_block_that_makes_it(registry):
    admit_new(registry)
    header = registry.chain.header
    expected = tuple(sorted(address_of(word) for word in (*MEMBERS, "new")))
    executed = registry.chain.executor.execute(registry.chain.blocks[-1])
    assert executed.validators == expected
    assert header.extra_data != registry.chain.genesis.header.extra_data


def test_a_quorum_removes_a_member(registry):
    for word in ("v1", "v2"):
        assert registry.send(word, "vote_against", "v4") == ""
    assert registry.members == set(MEMBERS)
    assert registry.send("v3", "vote_against", "v4") == ""
    assert registry.members == {"v1", "v2", "v3"}


def test_the_set_never_gets_smaller_than_its_minimum(tmp_path):
    registry = Registry(tmp_path, minimum=4)
    registry.send("v1", "vote_against", "v4")
    registry.send("v2", "vote_against", "v4")
    assert registry.send("v3", "vote_against", "v4") == "the set would be too small"
    assert registry.members == set(MEMBERS)
    registry.executor.close()


def test_there_is_one_change_in_a_block(registry):
    for candidate, proposer in (("new", "v1"), ("other", "v2")):
        registry.send(proposer, "propose", candidate)
        for word in {"v1", "v2", "v3"} - {proposer}:
            registry.send(word, "vote_for", candidate)
    assert registry.together(("new", "accept"), ("other", "accept")) == [True, False]
    assert registry.members == {*MEMBERS, "new"}
    assert registry.send("v4", "vote_for", "other") == ""
    assert registry.send("other", "accept") == ""
    assert registry.members == set(FUNDED)


def test_votes_of_a_removed_member_are_void_even_when_it_returns(registry):
    registry.send("v4", "propose", "new")
    for word in ("v1", "v2", "v3"):
        registry.send(word, "vote_against", "v4")
    assert registry.read("votes_on", "new") == 0
    registry.send("v1", "propose", "v4")
    for word in ("v2", "v3"):
        registry.send(word, "vote_for", "v4")
    assert registry.send("v4", "accept") == ""
    assert registry.members == set(MEMBERS)
    assert registry.read("votes_on", "new") == 0
    assert registry.send("v4", "vote_for", "new") == ""
    assert registry.read("votes_on", "new") == 1


def test_votes_of_an_earlier_ballot_are_void(registry):
    admit_new(registry)
    for word in ("v1", "v2", "v3", "v4"):
        registry.send(word, "vote_against", "new")
    assert registry.members == set(MEMBERS)
    registry.send("v1", "propose", "new")
    assert registry.read("votes_on", "new") == 1
    assert registry.send("new", "accept") == "no quorum yet"


def test_a_vote_can_be_taken_back(registry):
    registry.send("v1", "propose", "new")
    registry.send("v2", "vote_for", "new")
    assert registry.send("v2", "retract", "new") == ""
    assert registry.read("votes_on", "new") == 1
    assert registry.send("v2", "retract", "new") == "no vote"


def test_a_candidate_without_votes_can_be_dropped_and_one_drops_itself(registry):
    registry.send("v1", "propose", "new")
    assert registry.send("other", "drop", "new") == "still has votes"
    registry.send("v1", "retract", "new")
    assert registry.send("other", "drop", "new") == ""
    registry.send("v1", "propose", "other")
    assert registry.send("other", "drop", "other") == ""
    assert registry.read("get_candidates") == ()


@pytest.mark.parametrize(
    ("word", "function", "argument", "reason"),
    [
        ("new", "propose", "other", "only a validator proposes"),
        ("new", "vote_for", "other", "only a validator votes"),
        ("new", "vote_against", "v1", "only a validator votes"),
        ("v1", "propose", "v2", "already a validator"),
        ("v1", "vote_for", "new", "not proposed"),
        ("v1", "vote_against", "new", "not a validator"),
        ("v1", "drop", "new", "not proposed"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_reason(
    registry, word, function, argument, reason
):
    assert registry.send(word, function, argument) == reason


def test_nobody_votes_twice_or_fills_the_list_with_candidates(registry):
    registry.send("v1", "propose", "new")
    assert registry.send("v1", "vote_for", "new") == "already voted"
    assert registry.send("v2", "propose", "new") == "already proposed: vote for it"
    assert registry.send("v1", "propose", "other") == "your last candidate still waits"
    assert registry.send("other", "accept") == "not proposed"


def test_a_malformed_state_leaves_the_set_as_it_was():
    words = [int.from_bytes(address_of(word), "big") for word in MEMBERS]
    good = dict(enumerate([len(words), *sorted(words)]))
    assert read_validators(lambda slot: good.get(slot, 0)) is not None
    for change in ({0: 0}, {0: 65}, {1: 0}, {1: 1 << 160}, {2: good[3]}, {0: 5}):
        bad = good | change
        assert read_validators(lambda slot, bad=bad: bad.get(slot, 0)) is None
