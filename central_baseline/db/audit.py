"""What the books say: every order, and whether the money adds up."""

from central_baseline.db.database import Database
from central_baseline.db.orders import StoredOrder, stored_order

# Sub-selects of one statement see one snapshot: the books of one instant.
_LEDGER = """
SELECT
    (SELECT coalesce(sum(escrow_change), 0) FROM events WHERE escrow_change > 0)
        AS received,
    (SELECT coalesce(sum(unit_price * quantity), 0) FROM orders
        WHERE status IN ('paid', 'moulding', 'shipped')) AS escrow,
    (SELECT coalesce(sum(escrow_change), 0) FROM events) AS escrow_by_events,
    (SELECT coalesce(sum(owed), 0) FROM accounts) AS owed,
    (SELECT coalesce(sum(amount), 0) FROM withdrawals) AS paid_out,
    (SELECT count(*) FROM events) AS events,
    (SELECT count(*) FROM skus WHERE stock < 0) AS stock_negative,
    (SELECT coalesce(array_agg(status || ':' || n), '{}') FROM
        (SELECT status, count(*) AS n FROM orders GROUP BY status) AS by_status)
        AS orders
"""


async def page_of_orders(
    database: Database, after: int, limit: int
) -> list[StoredOrder]:
    """Orders of all buyers with numbers above `after`, by number."""
    rows = await database.read(
        "SELECT * FROM orders WHERE id > $1 ORDER BY id LIMIT $2", after, limit
    )
    return [stored_order(row) for row in rows]


async def read_ledger(database: Database) -> dict[str, object]:
    """Sums of all money, and `conserved`: whether they add up in both ways."""
    row = (await database.read(_LEDGER))[0]
    counts = dict(entry.split(":") for entry in row["orders"])
    amounts = ("received", "escrow", "owed", "paid_out")
    adds_up = row["received"] == row["escrow"] + row["owed"] + row["paid_out"]
    return {
        **{name: str(row[name]) for name in amounts},
        "orders": {status: int(count) for status, count in counts.items()},
        "events": row["events"],
        "stock_negative": row["stock_negative"],
        "conserved": adds_up and row["escrow"] == row["escrow_by_events"],
    }
