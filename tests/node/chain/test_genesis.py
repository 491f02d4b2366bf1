"""The genesis file: what it binds, what it refuses, how the set is read from it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.chain.genesis import (
    ConsensusConfig,
    ForkAt,
    Genesis,
    GenesisAccount,
    GenesisError,
    parse_genesis,
    state_root_of,
)
from node.chain.validator_contract import (
    MAX_VALIDATORS,
    VALIDATOR_CONTRACT,
    read_validators,
)
from node.primitives.keccak import keccak256
from node.primitives.trie import EMPTY_TRIE_ROOT
from node.primitives.types import Address

MEMBERS = [Address(bytes([n]) * 20) for n in (1, 2, 3, 4)]
RICH = Address(b"\x77" * 20)
STORAGE = {0: 4} | {
    position: int.from_bytes(member, "big")
    for position, member in enumerate(MEMBERS, start=1)
}
GENESIS = Genesis(
    chain_id=7_001,
    consensus=ConsensusConfig(),
    alloc={
        VALIDATOR_CONTRACT: GenesisAccount(nonce=1, code=b"\xfe", storage=STORAGE),
        RICH: GenesisAccount(balance=10**24),
    },
    timestamp=1_700_000_000,
    base_fee_per_gas=7,
)


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    """The file after an edit."""
    data = json.loads(json.dumps(GENESIS.to_json()))
    change(data)
    return json.dumps(data)


def test_a_genesis_survives_its_file() -> None:
    again = parse_genesis(json.dumps(GENESIS.to_json()))
    assert again.digest == GENESIS.digest
    assert again == GENESIS
    assert again.to_json() == GENESIS.to_json()


def test_the_first_validators_come_from_the_contracts_storage() -> None:
    assert list(GENESIS.validators.addresses) == MEMBERS
    assert GENESIS.header.extra_data == GENESIS.validators.digest


@pytest.mark.parametrize(
    "name",
    [
        "gathering_ms",
        "min_block_interval_ms",
        "empty_block_period_ms",
        "round_timeout_ms",
        "round_timeout_cap_factor",
        "max_clock_drift_s",
        "max_block_bytes",
        "build_time_ms",
        "min_validators",
    ],
)
def test_the_genesis_hash_binds_every_consensus_setting(name: str) -> None:
    value = getattr(GENESIS.consensus, name)
    other = replace(GENESIS.consensus, **{name: value + 1})
    assert replace(GENESIS, consensus=other).digest != GENESIS.digest


def test_the_genesis_hash_binds_forks_state_and_the_free_gas_rule() -> None:
    forks = replace(GENESIS.consensus, fork_schedule=(ForkAt(0, "prague"),) * 2)
    free = replace(GENESIS.consensus, zero_base_fee=True)
    richer = {**GENESIS.alloc, RICH: GenesisAccount(balance=1)}
    digests = [
        replace(GENESIS, consensus=forks).digest,
        replace(GENESIS, consensus=free).digest,
        replace(GENESIS, alloc=richer).digest,
        GENESIS.digest,
    ]
    assert len(set(digests)) == 4


def test_prev_randao_is_the_hash_of_the_canonical_configuration() -> None:
    assert GENESIS.header.prev_randao == keccak256(GENESIS.consensus.canonical())


def test_the_state_root_of_nothing_is_the_empty_tries() -> None:
    assert state_root_of({}) == EMPTY_TRIE_ROOT


def test_a_known_state_root() -> None:
    """One account with a balance, as any Ethereum client hashes it."""
    from trie import HexaryTrie

    account = GenesisAccount(balance=1)
    trie = HexaryTrie({})
    empty_code = keccak256(b"")
    fields = b"\x80\x01\xa0" + EMPTY_TRIE_ROOT + b"\xa0" + empty_code
    trie[keccak256(RICH)] = b"\xf8" + bytes([len(fields)]) + fields
    assert state_root_of({RICH: account}) == trie.root_hash


EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a timer": (
        lambda d: d["config"]["qbft"].update(round_timeout_ms=1),
        "mixHash does not follow",
    ),
    "the set's hash": (
        lambda d: d.update(extraData="0x" + "00" * 32),
        "extraData does not follow",
    ),
    "an unknown setting": (
        lambda d: d["config"]["qbft"].update(colour="red"),
        "colour",
    ),
    "a missing setting": (lambda d: d["config"].pop("qbft"), "qbft"),
    "no contract": (
        lambda d: d.update(alloc={}),
        "names no validators",
    ),
    "a bad address": (lambda d: d["alloc"].update({"0x12": {}}), "20 bytes"),
    "an unknown fork": (
        lambda d: (
            d.pop("mixHash"),
            d["config"]["qbft"].update(fork_schedule=[{"height": 0, "fork": "x"}]),
        ),
        "unknown fork",
    ),
    "forks out of order": (
        lambda d: (
            d.pop("mixHash"),
            d["config"]["qbft"].update(fork_schedule=[{"height": 5, "fork": "prague"}]),
        ),
        "starts at 0",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_file_is_refused_with_its_reason(edit: str) -> None:
    change, expected = EDITS[edit]
    with pytest.raises(GenesisError, match=expected):
        parse_genesis(edited(change))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"config": 3}', "\x00"])
def test_what_is_no_genesis_file_is_refused(text: str) -> None:
    with pytest.raises(GenesisError, match="genesis file"):
        parse_genesis(text)


# --- reading the set from storage ---


def test_the_set_is_read_slot_by_slot() -> None:
    asked: list[int] = []

    def slot(position: int) -> int:
        asked.append(position)
        return STORAGE.get(position, 0)

    assert read_validators(slot) == tuple(MEMBERS)
    assert asked == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "storage",
    [
        {},
        {0: MAX_VALIDATORS + 1},
        {0: 2**256 - 1},
        {0: 2, 1: 7},
        {0: 2, 1: 7, 2: 7},
        {0: 2, 1: 8, 2: 7},
        {0: 1, 1: 0},
        {0: 1, 1: 1 << 160},
    ],
    ids=["empty", "large", "huge", "missing", "twice", "order", "zero", "no address"],
)
def test_a_malformed_state_names_nobody(storage: dict[int, int]) -> None:
    assert read_validators(lambda position: storage.get(position, 0)) is None


def test_the_largest_set_is_read() -> None:
    full = {0: MAX_VALIDATORS} | {n: n for n in range(1, MAX_VALIDATORS + 1)}
    found = read_validators(lambda position: full[position])
    assert found is not None
    assert len(found) == MAX_VALIDATORS
