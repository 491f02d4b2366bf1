"""Batches of orders in SQL: read the premises of all together, write all or none."""

from collections.abc import Sequence

from central_baseline.db.catalogue import catalogue_of
from central_baseline.db.database import Database
from central_baseline.db.orders import MAX_SMALLINT, StoredOrder, stored_order
from shop_contract.rules import Design, OrderRequest, Placed, Premises

# One statement, so that all of it is of one moment.
_PREMISES = """
SELECT catalogue_version, paused,
    EXISTS (SELECT FROM accounts WHERE id = $1 AND delivery IS NOT NULL) AS profile,
    ARRAY(SELECT reference FROM orders
        WHERE account_id = $1 AND reference = ANY($2::bytea[])) AS taken,
    (SELECT array_agg(kind || ':' || name ORDER BY kind, id) FROM options) AS names,
    (SELECT array_agg(ARRAY[shape, size, scent, price, stock]::text[]) FROM skus
        WHERE (shape, size, scent) IN (
            SELECT * FROM unnest($3::smallint[], $4::smallint[], $5::smallint[]))
    ) AS skus
FROM shop_state
"""
_PLACE = "SELECT * FROM place_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
# Locked in one order, so that two retries of one batch queue.
_REPLAY = """
UPDATE orders SET replays = replays + 1 WHERE id IN (
    SELECT id FROM orders WHERE account_id = $1 AND reference = ANY($2::bytea[])
    ORDER BY id FOR UPDATE)
RETURNING *
"""


async def premises(
    database: Database, account_id: int, requests: Sequence[OrderRequest]
) -> Premises:
    """What the rules need to know of a batch, read together."""
    designs = [request.design for request in requests]
    numbers = [_parts(design) for design in designs]
    rows = await database.read(
        _PREMISES,
        account_id,
        [request.reference for request in requests],
        *([parts[axis] for parts in numbers] for axis in range(3)),
    )
    shown = catalogue_of(rows[0])
    return Premises(
        shown.version,
        rows[0]["paused"],
        rows[0]["profile"],
        {design: shown.sku(design) for design in designs},
        frozenset(rows[0]["taken"]),
    )


async def place(
    database: Database,
    account_id: int,
    bought: Sequence[Placed],
    envelopes: Sequence[bytes | None],
) -> list[StoredOrder]:
    """Write a decided batch whose times are counted from zero.

    PremiseFailed when it would not be decided so now; the rows of long ago, as `replay`
    has them, when all its references are known already.
    """
    orders = [placed.order for placed in bought]
    rows = await database.write(
        _PLACE,
        account_id,
        [order.reference for order in orders],
        [order.design.shape for order in orders],
        [order.design.size for order in orders],
        [order.design.scent for order in orders],
        [order.quantity for order in orders],
        [str(order.unit_price) for order in orders],
        orders[0].catalogue_version,
        envelopes,
        orders[0].deadline_s,
    )
    return [stored_order(row) for row in rows]


async def replay(
    database: Database, account_id: int, references: Sequence[bytes]
) -> list[StoredOrder]:
    """Count a retry of known references: a write, so its answer is as durable."""
    rows = await database.write(_REPLAY, account_id, references)
    return [stored_order(row) for row in rows]


def _parts(design: Design) -> list[int]:
    # Beyond the column's type there is no such option, and nothing to ask for.
    parts = (design.shape, design.size, design.scent)
    return [part if 0 <= part <= MAX_SMALLINT else -1 for part in parts]
