"""Headers: encoding, hash, and the rules that need no execution."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth.vm.forks.prague.blocks import PragueBlockHeader

from node.chain.header import (
    EMPTY_REQUESTS_HASH,
    MAX_HEADER_BYTES,
    NAMES,
    Header,
    prev_randao_of,
)
from node.chain.header_rules import HeaderInvalid, HeaderRules
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import ZERO_ADDRESS, Address
from tests.node.consensus.world import GENESIS, make_header

RULES = HeaderRules(gas_limit=30_000_000, zero_base_fee=False, max_clock_drift_s=15)
PARENT = replace(GENESIS, gas_used=15_000_000)
HEADER = replace(
    make_header(PARENT, Address(b"\x0a" * 20)), base_fee_per_gas=PARENT.base_fee_per_gas
)


def test_a_header_is_read_back() -> None:
    found = Header.decode(HEADER.encoded)
    assert found == HEADER
    assert found.digest == keccak256(HEADER.encoded)


def test_its_hash_is_that_of_another_implementation() -> None:
    other = PragueBlockHeader(
        parent_hash=HEADER.parent_hash,
        uncles_hash=HEADER.ommers_hash,
        coinbase=HEADER.coinbase,
        state_root=HEADER.state_root,
        transaction_root=HEADER.transactions_root,
        receipt_root=HEADER.receipts_root,
        bloom=int.from_bytes(HEADER.logs_bloom, "big"),
        difficulty=HEADER.difficulty,
        block_number=HEADER.number,
        gas_limit=HEADER.gas_limit,
        gas_used=HEADER.gas_used,
        timestamp=HEADER.timestamp,
        extra_data=HEADER.extra_data,
        mix_hash=HEADER.prev_randao,
        nonce=HEADER.nonce,
        base_fee_per_gas=HEADER.base_fee_per_gas,
        withdrawals_root=HEADER.withdrawals_root,
        blob_gas_used=HEADER.blob_gas_used,
        excess_blob_gas=HEADER.excess_blob_gas,
        parent_beacon_block_root=HEADER.parent_beacon_block_root,
        requests_hash=HEADER.requests_hash,
    )
    assert other.hash == HEADER.digest


def test_every_field_is_in_the_hash() -> None:
    for name in NAMES:
        value = getattr(HEADER, name)
        other = value + 1 if isinstance(value, int) else bytes(b ^ 1 for b in value)
        assert replace(HEADER, **{name: other}).digest != HEADER.digest


def test_headers_of_another_shape_are_refused() -> None:
    fields = rlp.split_list(HEADER.encoded)
    long_extra = [*fields[:12], rlp.encode(bytes(33)), *fields[13:]]
    for broken in (
        fields[:20],
        [*fields, b"\x80"],
        long_extra,
        [b"\x80", *fields[1:]],
        [*fields[:8], b"\x82\x00\x01", *fields[9:]],
    ):
        with pytest.raises(rlp.RlpError):
            Header.decode(rlp.encode_list(broken))


def test_the_longest_header_is_within_the_bound_and_nothing_longer_is_read() -> None:
    most = 2**256 - 1
    numbers = {n: most for n in NAMES if isinstance(getattr(HEADER, n), int)}
    longest = replace(HEADER, extra_data=b"\xff" * 32, **numbers)
    assert len(longest.encoded) <= MAX_HEADER_BYTES
    assert Header.decode(longest.encoded) == longest
    with pytest.raises(rlp.RlpError, match="more than 1024 bytes"):
        Header.decode(bytes(MAX_HEADER_BYTES + 1))


def test_the_empty_requests_hash_is_that_of_nothing() -> None:
    assert EMPTY_REQUESTS_HASH.hex().startswith("e3b0c44298fc1c14")


def test_prev_randao_follows_from_parent_and_height() -> None:
    assert prev_randao_of(PARENT.digest, 1) == HEADER.prev_randao
    assert prev_randao_of(PARENT.digest, 2) != HEADER.prev_randao


# --- rules ---


def test_a_header_that_follows_is_valid() -> None:
    RULES.validate(HEADER, PARENT, now_s=HEADER.timestamp)


def test_a_timestamp_may_equal_its_parents() -> None:
    same = replace(HEADER, timestamp=PARENT.timestamp)
    RULES.validate(same, PARENT, now_s=HEADER.timestamp)


BROKEN: dict[str, Callable[[], Header]] = {
    "parent hash": lambda: replace(HEADER, parent_hash=HEADER.digest),
    "number": lambda: replace(HEADER, number=2),
    "below": lambda: replace(HEADER, timestamp=PARENT.timestamp - 1),
    "too far ahead": lambda: replace(HEADER, timestamp=HEADER.timestamp + 16),
    "gas limit": lambda: replace(HEADER, gas_limit=29_999_999),
    "above the limit": lambda: replace(HEADER, gas_used=30_000_001),
    "base fee": lambda: replace(HEADER, base_fee_per_gas=8),
    "prevRandao": lambda: replace(HEADER, prev_randao=HEADER.digest),
    "ommers hash": lambda: replace(HEADER, ommers_hash=HEADER.digest),
    "difficulty": lambda: replace(HEADER, difficulty=1),
    "nonce": lambda: replace(HEADER, nonce=b"\1" * 8),
    "withdrawals root": lambda: replace(HEADER, withdrawals_root=HEADER.digest),
    "blob gas used": lambda: replace(HEADER, blob_gas_used=1),
    "excess blob gas": lambda: replace(HEADER, excess_blob_gas=1),
    "beacon root": lambda: replace(HEADER, parent_beacon_block_root=HEADER.digest),
    "requests hash": lambda: replace(HEADER, requests_hash=HEADER.digest),
    "extra data": lambda: replace(HEADER, extra_data=bytes(31)),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_broken_rule_is_named(rule: str) -> None:
    with pytest.raises(HeaderInvalid, match=rule):
        RULES.validate(BROKEN[rule](), PARENT, now_s=HEADER.timestamp)


def test_a_certified_header_is_not_held_to_the_local_clock() -> None:
    ahead = replace(HEADER, timestamp=HEADER.timestamp + 10**6)
    RULES.validate(ahead, PARENT, now_s=None)


def test_the_base_fee_follows_eip_1559() -> None:
    at = replace(PARENT, base_fee_per_gas=1_000)
    assert RULES.base_fee_after(replace(at, gas_used=15_000_000)) == 1_000
    assert RULES.base_fee_after(replace(at, gas_used=30_000_000)) == 1_125
    assert RULES.base_fee_after(replace(at, gas_used=0)) == 875
    assert RULES.base_fee_after(replace(at, base_fee_per_gas=1, gas_used=0)) == 1
    assert (
        RULES.base_fee_after(replace(at, base_fee_per_gas=1, gas_used=15_000_001)) == 2
    )


def test_a_free_gas_network_never_has_a_base_fee() -> None:
    free = HeaderRules(30_000_000, zero_base_fee=True, max_clock_drift_s=15)
    assert free.base_fee_after(replace(PARENT, gas_used=30_000_000)) == 0


def test_the_genesis_coinbase_is_zero() -> None:
    assert GENESIS.coinbase == ZERO_ADDRESS
