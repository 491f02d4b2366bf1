"""Parameters: what clients send becomes values, and errors name the argument."""

from typing import Any

import pytest

from node.rpc.errors import INVALID_PARAMS, RpcError
from node.rpc.params import BlockId, Params, parse_block_id, parse_slot

HASH = "0x" + "ab" * 32
ADDRESS = "0x" + "cd" * 20


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("latest", BlockId(tag="latest")),
        ("pending", BlockId(tag="pending")),
        ("0x10", BlockId(number=16)),
        ("0x010", BlockId(number=16)),
        (HASH, BlockId(digest=bytes.fromhex(HASH[2:]))),  # type: ignore[arg-type]
        ({"blockNumber": "0x1"}, BlockId(number=1)),
        ({"blockHash": HASH}, BlockId(digest=bytes.fromhex(HASH[2:]))),  # type: ignore[arg-type]
    ],
)
def test_block_ids_of_every_form_are_understood(value: Any, expected: BlockId) -> None:
    assert parse_block_id(value, "argument 0") == expected


@pytest.mark.parametrize("value", ["newest", "", "0x", "12", [], {}, True, -1, None])
def test_other_block_ids_are_refused(value: Any) -> None:
    with pytest.raises(RpcError) as caught:
        parse_block_id(value, "argument 0")
    assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize(("value", "slot"), [("0x0", 0), ("0x" + "0" * 63 + "5", 5)])
def test_storage_keys_of_odd_length_are_accepted(value: str, slot: int) -> None:
    assert parse_slot(value, "key") == slot


def test_a_storage_key_above_32_bytes_is_refused() -> None:
    with pytest.raises(RpcError, match="longer than 32 bytes"):
        parse_slot("0x" + "0" * 66, "key")


@pytest.mark.parametrize("value", ["0x123", "12", "0xzz", 5, None, "0x12\n"])
def test_data_must_be_whole_prefixed_bytes(value: Any) -> None:
    with pytest.raises(RpcError, match="argument 0"):
        Params([value], 1).data(0)


def test_an_address_has_20_bytes() -> None:
    assert Params([ADDRESS], 1).address(0) == bytes.fromhex(ADDRESS[2:])
    with pytest.raises(RpcError, match="want 40"):
        Params([HASH], 1).address(0)


def test_missing_and_surplus_arguments_are_named() -> None:
    with pytest.raises(RpcError, match="missing value for required argument 1"):
        Params([ADDRESS], 2).data(1)
    with pytest.raises(RpcError, match="too many arguments, want at most 1"):
        Params([1, 2], 1)
    with pytest.raises(RpcError, match="non-array args"):
        Params({"a": 1}, 1)


def test_a_quantity_above_its_bound_is_refused() -> None:
    assert Params(["0xff"], 1).quantity(0, 255) == 255
    with pytest.raises(RpcError, match="out of range"):
        Params(["0x100"], 1).quantity(0, 255)
