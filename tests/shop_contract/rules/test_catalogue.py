"""The catalogue both worlds open with, and documents that are none."""

import json
from importlib.resources import files
from typing import Any

import pytest

from shop_contract.rules import (
    Design,
    Quote,
    Reason,
    Rejected,
    default_catalogue,
    quote,
)
from shop_contract.rules.catalogue import Catalogue, Sku, parse_catalogue
from shop_contract.rules.limits import MAX_PRICE, MAX_QUANTITY, MAX_STOCK


def document() -> dict[str, Any]:
    text = (files("shop_contract.rules") / "catalogue.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def test_every_design_of_the_default_catalogue_is_on_sale() -> None:
    catalogue = default_catalogue()
    sizes = [len(catalogue.shapes), len(catalogue.sizes), len(catalogue.scents)]
    assert sizes == [5, 3, 6]
    assert len(catalogue.skus) == 90
    for design in catalogue.skus:
        assert isinstance(quote(catalogue.sku(design), 1), Quote)


def test_a_price_is_that_of_shape_and_size_and_the_scents_surcharge() -> None:
    catalogue = default_catalogue()
    shape, size = catalogue.shapes.index("jar"), catalogue.sizes.index("large")
    scent = catalogue.scents.index("honey")
    sku = catalogue.sku(Design(shape, size, scent))
    assert sku is not None
    assert sku.price == 12_000_000_000_000_000 + 600_000_000_000_000


def test_options_beyond_the_lists_are_unknown() -> None:
    catalogue = default_catalogue()
    for design in (Design(5, 0, 0), Design(0, 3, 0), Design(0, 0, 6), Design(-1, 0, 0)):
        assert catalogue.sku(design) is None
    assert quote(None, 1) == Rejected(Reason.UNKNOWN_OPTION)


def test_an_option_without_price_is_known_but_not_for_sale() -> None:
    catalogue = Catalogue(("a",), ("b",), ("c",))
    sku = catalogue.sku(Design(0, 0, 0))
    assert sku == Sku(Design(0, 0, 0), 0, 0)
    assert quote(sku, 1) == Rejected(Reason.NOT_FOR_SALE)


def test_the_greatest_total_fits_its_column() -> None:
    assert MAX_PRICE * MAX_QUANTITY < 2**128 < 10**39
    sku = Sku(Design(0, 0, 0), MAX_PRICE, MAX_STOCK)
    assert quote(sku, MAX_QUANTITY) == Quote(MAX_PRICE, MAX_PRICE * MAX_QUANTITY)


def test_a_negative_quantity_is_none_at_all() -> None:
    sku = Sku(Design(0, 0, 0), 5, 10)
    assert quote(sku, -1) == Rejected(Reason.ZERO_QUANTITY)


def test_a_document_that_is_no_catalogue_is_refused_by_name() -> None:
    without_sizes = document()
    del without_sizes["sizes"]
    with pytest.raises(ValueError, match="sizes"):
        parse_catalogue(without_sizes)
    without_price = document()
    del without_price["base_prices"]["jar"]["large"]
    with pytest.raises(ValueError, match="large"):
        parse_catalogue(without_price)
    too_dear = document()
    too_dear["base_prices"]["jar"]["large"] = str(2**96)
    with pytest.raises(ValueError, match="out of bounds"):
        parse_catalogue(too_dear)
    free = document()
    free["base_prices"]["tealight"]["small"] = "0"
    with pytest.raises(ValueError, match="out of bounds"):
        parse_catalogue(free)
