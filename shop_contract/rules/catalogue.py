"""What can be ordered: shapes, sizes and scents, and a price and a stock per design.

A design is three small numbers, positions in the catalogue's lists of names. Names are
for people; orders carry numbers. A list only grows: a number never changes its meaning.
The version rises with every change of options or prices (not of stock), and every order
records the version it was priced by.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.resources import files

from shop_contract.rules.limits import (
    MAX_CHANGES,
    MAX_NAME_BYTES,
    MAX_OPTIONS,
    MAX_PRICE,
    MAX_STOCK,
)
from shop_contract.rules.reasons import Reason, Rejected


class OptionKind(StrEnum):
    SHAPE = "shape"
    SIZE = "size"
    SCENT = "scent"


@dataclass(frozen=True, slots=True, order=True)
class Design:
    """One candle: positions in the catalogue's lists."""

    shape: int
    size: int
    scent: int


@dataclass(frozen=True, slots=True)
class Sku:
    """A design on the shelf. Price 0 means: not for sale. Stock counts candles."""

    design: Design
    price: int
    stock: int


@dataclass(frozen=True)
class Catalogue:
    """The options by name, the version, and the SKUs that ever had a price or stock."""

    shapes: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    scents: tuple[str, ...] = ()
    version: int = 0
    skus: Mapping[Design, Sku] = field(default_factory=dict)

    def names(self, kind: OptionKind) -> tuple[str, ...]:
        by_kind = {
            OptionKind.SHAPE: self.shapes,
            OptionKind.SIZE: self.sizes,
            OptionKind.SCENT: self.scents,
        }
        return by_kind[kind]

    def sku(self, design: Design) -> Sku | None:
        """The design's SKU, price and stock 0 if never set; None: no such option."""
        known = (
            0 <= design.shape < len(self.shapes)
            and 0 <= design.size < len(self.sizes)
            and 0 <= design.scent < len(self.scents)
        )
        return self.skus.get(design, Sku(design, 0, 0)) if known else None


def add_option(
    catalogue: Catalogue, kind: OptionKind, name: str
) -> Catalogue | Rejected:
    """Append a name to one list; the version rises."""
    if not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
        return Rejected(Reason.INVALID_NAME)
    if len(catalogue.names(kind)) >= MAX_OPTIONS:
        return Rejected(Reason.TOO_MANY_OPTIONS)
    version = catalogue.version + 1
    match kind:
        case OptionKind.SHAPE:
            return replace(catalogue, shapes=(*catalogue.shapes, name), version=version)
        case OptionKind.SIZE:
            return replace(catalogue, sizes=(*catalogue.sizes, name), version=version)
        case OptionKind.SCENT:
            return replace(catalogue, scents=(*catalogue.scents, name), version=version)


def set_prices(
    catalogue: Catalogue, prices: Sequence[tuple[Design, int]]
) -> Catalogue | Rejected:
    """Set several prices at once, all or none; the version rises once. 0: no sale."""
    refusal = _batch_refusal(len(prices))
    if refusal is not None:
        return Rejected(refusal)
    skus = dict(catalogue.skus)
    for design, price in prices:
        sku = catalogue.sku(design)
        if sku is None:
            return Rejected(Reason.UNKNOWN_OPTION)
        if not 0 <= price <= MAX_PRICE:
            return Rejected(Reason.PRICE_TOO_LARGE)
        skus[design] = replace(skus.get(design, sku), price=price)
    return replace(catalogue, skus=skus, version=catalogue.version + 1)


def adjust_stock(
    catalogue: Catalogue, changes: Sequence[tuple[Design, int]]
) -> Catalogue | Rejected:
    """Add to (or with a negative change take from) several stocks, all or none.

    Changes are differences, so that an order placed meanwhile is never overwritten.
    """
    refusal = _batch_refusal(len(changes))
    if refusal is not None:
        return Rejected(refusal)
    skus = dict(catalogue.skus)
    for design, change in changes:
        known = catalogue.sku(design)
        if known is None:
            return Rejected(Reason.UNKNOWN_OPTION)
        sku = skus.get(design, known)
        adjusted = adjusted_stock(sku.stock, change)
        if isinstance(adjusted, Rejected):
            return adjusted
        skus[design] = replace(sku, stock=adjusted)
    return replace(catalogue, skus=skus)


def adjusted_stock(stock: int, change: int) -> int | Rejected:
    """One stock after a change, within 0 and `MAX_STOCK`."""
    if stock + change < 0:
        return Rejected(Reason.OUT_OF_STOCK)
    if stock + change > MAX_STOCK:
        return Rejected(Reason.STOCK_TOO_LARGE)
    return stock + change


def _batch_refusal(size: int) -> Reason | None:
    if size == 0:
        return Reason.EMPTY_BATCH
    return Reason.BATCH_TOO_LARGE if size > MAX_CHANGES else None


def parse_catalogue(document: Mapping[str, object]) -> Catalogue:
    """Read a catalogue document (in the form of catalogue.json beside this module).

    A price is the base price of shape and size plus the surcharge of the scent, all
    by name. Raises ValueError naming what is missing or beyond a bound.
    """
    try:
        catalogue = _priced(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"not a catalogue: {error!r} is missing or misplaced"
        ) from None
    for sku in catalogue.skus.values():
        if not (0 < sku.price <= MAX_PRICE and 0 <= sku.stock <= MAX_STOCK):
            raise ValueError(f"price or stock out of bounds: {sku}")
    return catalogue


def _priced(document: Mapping[str, object]) -> Catalogue:
    base: Mapping[str, Mapping[str, str]] = document["base_prices"]  # type: ignore[assignment]
    surcharges: Mapping[str, str] = document["scent_surcharges"]  # type: ignore[assignment]
    sizes: list[str] = document["sizes"]  # type: ignore[assignment]
    stock = int(document["stock_per_design"])  # type: ignore[call-overload]
    skus: dict[Design, Sku] = {}
    for shape, by_size in enumerate(base.values()):
        for size, name in enumerate(sizes):
            for scent, surcharge in enumerate(surcharges.values()):
                design = Design(shape, size, scent)
                skus[design] = Sku(design, int(by_size[name]) + int(surcharge), stock)
    return Catalogue(tuple(base), tuple(sizes), tuple(surcharges), 1, skus)


def default_catalogue() -> Catalogue:
    """The catalogue both worlds open with: 5 shapes, 3 sizes, 6 scents, all on sale."""
    text = (files("shop_contract.rules") / "catalogue.json").read_text()
    return parse_catalogue(json.loads(text))
