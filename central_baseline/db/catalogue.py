"""The catalogue in SQL: read by everybody, changed by the owner.

Changes lock the shop's one state row, so that versions rise one by one; sales do not
take that lock.
"""

from collections.abc import Sequence

from central_baseline.db.database import Database, Row
from central_baseline.db.reading import Readable
from shop_contract.rules import Catalogue, Design, Rejected, Sku
from shop_contract.rules.catalogue import (
    OptionKind,
    add_option,
    adjust_stock,
    set_prices,
)

# One statement, so that options, prices and version are of one moment.
_CATALOGUE = """
SELECT catalogue_version, paused,
    (SELECT array_agg(kind || ':' || name ORDER BY kind, id) FROM options) AS names,
    (SELECT array_agg(ARRAY[shape, size, scent, price, stock]::text[]
        ORDER BY shape, size, scent) FROM skus) AS skus
FROM shop_state
"""


async def read_catalogue(database: Readable) -> tuple[Catalogue, bool]:
    """The catalogue with prices and stocks, and whether the shop is paused."""
    row = (await database.read(_CATALOGUE))[0]
    return catalogue_of(row), row["paused"]


async def change_prices(
    database: Database, prices: Sequence[tuple[Design, int]]
) -> int | Rejected:
    """Set prices, all or none; returns the new version of the catalogue."""
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM shop_state FOR UPDATE")
        before = catalogue_of(await connection.fetchrow(_CATALOGUE))
        after = set_prices(before, prices)
        if isinstance(after, Rejected):
            return after
        await connection.executemany(
            "INSERT INTO skus (shape, size, scent, price, stock) "
            "VALUES ($1, $2, $3, $4, 0) "
            "ON CONFLICT (shape, size, scent) DO UPDATE SET price = excluded.price",
            [(*_key(design), after.skus[design].price) for design, _ in prices],
        )
        await connection.execute(
            "UPDATE shop_state SET catalogue_version = $1", after.version
        )
    return after.version


async def change_stock(
    database: Database, changes: Sequence[tuple[Design, int]]
) -> list[Sku] | Rejected:
    """Add to or take from stocks, all or none; returns the SKUs as they are now."""
    designs = sorted({design for design, _ in changes})
    async with database.transaction() as connection:
        # In the order of the key, as every change of several rows: no deadlock.
        for design in designs:
            await connection.execute(
                "SELECT FROM skus WHERE shape = $1 AND size = $2 AND scent = $3 "
                "FOR UPDATE",
                *_key(design),
            )
        before = catalogue_of(await connection.fetchrow(_CATALOGUE))
        after = adjust_stock(before, changes)
        if isinstance(after, Rejected):
            return after
        skus = [after.skus[design] for design in designs]
        await connection.executemany(
            "INSERT INTO skus (shape, size, scent, price, stock) "
            "VALUES ($1, $2, $3, 0, $4) "
            "ON CONFLICT (shape, size, scent) DO UPDATE SET stock = excluded.stock",
            [(*_key(sku.design), sku.stock) for sku in skus],
        )
    return skus


async def change_options(
    database: Database, kind: OptionKind, name: str
) -> int | Rejected:
    """Append an option; returns the new version of the catalogue."""
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM shop_state FOR UPDATE")
        before = catalogue_of(await connection.fetchrow(_CATALOGUE))
        after = add_option(before, kind, name)
        if isinstance(after, Rejected):
            return after
        await connection.execute(
            "INSERT INTO options (kind, id, name) VALUES ($1, $2, $3)",
            kind.value,
            len(before.names(kind)),
            name,
        )
        await connection.execute(
            "UPDATE shop_state SET catalogue_version = $1", after.version
        )
    return after.version


async def set_paused(database: Database, paused: bool) -> None:
    """Stop or go on taking new orders; orders under way go on either way."""
    await database.write("UPDATE shop_state SET paused = $1", paused)


def catalogue_of(row: Row) -> Catalogue:
    """The catalogue of a row with the columns of `_CATALOGUE`."""
    names: dict[str, list[str]] = {kind.value: [] for kind in OptionKind}
    for entry in row["names"] or ():
        kind, _, name = entry.partition(":")
        names[kind].append(name)
    skus = {}
    for fields in row["skus"] or ():
        shape, size, scent, price, stock = map(int, fields)
        design = Design(shape, size, scent)
        skus[design] = Sku(design, price, stock)
    return Catalogue(
        tuple(names["shape"]),
        tuple(names["size"]),
        tuple(names["scent"]),
        row["catalogue_version"],
        skus,
    )


def _key(design: Design) -> tuple[int, int, int]:
    return design.shape, design.size, design.scent
