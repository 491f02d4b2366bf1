"""Calls, reasons and events as bytes."""

import pytest

from shop_contract.codec import (
    STATUSES,
    decode_event,
    encode_call,
    event_topic,
    revert_reason,
)
from shop_contract.rules import Status
from shop_contract.rules.catalogue import OptionKind
from tests.shop_contract.chain_shop import EvmShop

ERROR = bytes.fromhex("08c379a0")


def test_a_call_is_chosen_by_name_and_number_of_arguments() -> None:
    assert encode_call("withdraw").hex() == "3ccfd60b"
    assert encode_call("withdraw", b"\x11" * 20)[:4].hex() == "51cff8d9"
    with pytest.raises(KeyError):
        encode_call("withdraw", 1, 2)


@pytest.mark.parametrize(
    "data", [b"", b"\x4e\x48\x7b\x71" + bytes(32), ERROR, ERROR + b"\xff" * 40]
)
def test_a_revert_without_a_reason_has_none(data: bytes) -> None:
    assert revert_reason(data) is None


def test_logs_of_other_contracts_are_not_taken_for_ours() -> None:
    assert decode_event([], b"") is None
    assert decode_event([b"\x01" * 32], b"") is None


def test_an_events_topic_is_that_of_its_logs() -> None:
    chain = EvmShop()
    [(_, topics, _)] = chain.transact("owner", encode_call("set_paused", True)).logs
    assert topics[0] == event_topic("PausedSet")


def test_numbers_of_the_contract_are_positions_in_the_rules() -> None:
    chain = EvmShop()
    for status in list(Status)[1:]:
        _, output = chain.evm.call(chain.shop, encode_call(status.name))
        assert STATUSES[int.from_bytes(output, "big")] is status
    for position, kind in enumerate(OptionKind):
        _, output = chain.evm.call(chain.shop, encode_call(kind.name))
        assert int.from_bytes(output, "big") == position
