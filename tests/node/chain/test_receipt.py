"""Receipts: what is read in passing is what decoding the whole says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.chain.receipt import (
    Log,
    Receipt,
    cumulative_gas,
    decode_receipt,
    encode_receipt,
    log_count,
)
from node.primitives.rlp import RlpError
from node.primitives.types import Address, Hash32

LOGS = st.builds(
    Log,
    address=st.binary(min_size=20, max_size=20).map(Address),
    topics=st.lists(st.binary(min_size=32, max_size=32).map(Hash32), max_size=4).map(
        tuple
    ),
    data=st.binary(max_size=100),
)
RECEIPTS = st.builds(
    Receipt,
    type=st.integers(0, 4),
    succeeded=st.booleans(),
    cumulative_gas=st.integers(0, 2**63),
    bloom=st.binary(min_size=256, max_size=256),
    logs=st.lists(LOGS, max_size=5).map(tuple),
)


@given(RECEIPTS)
def test_gas_and_number_of_logs_are_those_of_the_whole(receipt: Receipt) -> None:
    raw = encode_receipt(receipt)
    assert decode_receipt(raw) == receipt
    assert cumulative_gas(raw) == receipt.cumulative_gas
    assert log_count(raw) == len(receipt.logs)


def test_what_is_no_receipt_is_refused() -> None:
    for read in (decode_receipt, cumulative_gas, log_count):
        with pytest.raises(RlpError):
            read(b"\x02\xc0\x01")
