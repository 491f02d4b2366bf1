"""The gas table is what the deployed code costs, and placing an order stays cheap."""

import json

from tests.shop_contract.gas import TABLE, measure


def test_the_gas_table_is_what_the_contract_costs() -> None:
    """Written again by `python -m tests.shop_contract.gas`."""
    assert json.loads(TABLE.read_text()) == measure()


def test_an_order_is_cheaper_than_five_new_slots_and_a_transfer() -> None:
    """The budget that the whole chain's capacity is planned by."""
    table = json.loads(TABLE.read_text())
    assert table["place, to the profile's address"] < 21_000 + 5 * 22_100
    assert table["place, envelope of 192 bytes"] < 21_000 + 6 * 22_100


def test_the_readme_quotes_the_table() -> None:
    table = json.loads(TABLE.read_text())
    readme = (TABLE.parent / "README.md").read_text()
    for name in ("place, to the profile's address", "place, envelope of 192 bytes"):
        assert f"{table[name]:,}" in readme
