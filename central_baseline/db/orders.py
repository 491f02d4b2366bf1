"""Orders in SQL: the statements around which the shop's rules decide.

A decision is made on a snapshot (`Snapshot` here, `StoredOrder` for a step) and
written by one statement that checks the snapshot's premises again, so that no lock is
held while Python thinks and nothing is written that the rules would not decide now.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from central_baseline.db.database import Database, Row
from central_baseline.db.reading import Readable
from shop_contract.rules import Action, Design, Moved, Order, Placed, Sku, Status

_SNAPSHOT = """
SELECT s.catalogue_version, s.paused, k.price, k.stock,
    EXISTS (SELECT FROM orders WHERE account_id = $1 AND reference = $2) AS placed,
    EXISTS (SELECT FROM accounts WHERE id = $1 AND delivery IS NOT NULL) AS profile,
    (SELECT count(DISTINCT kind) FROM options WHERE
        (kind = 'shape' AND id = $3) OR (kind = 'size' AND id = $4)
        OR (kind = 'scent' AND id = $5)) = 3 AS known
FROM shop_state s
LEFT JOIN skus k ON k.shape = $3 AND k.size = $4 AND k.scent = $5
"""
_PLACE = "SELECT * FROM place_order($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
_MOVE = "SELECT * FROM move_order($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
_BY_ID = "SELECT *, shop_now() AS now_s FROM orders WHERE id = $1"
_BY_REFERENCE = "SELECT * FROM orders WHERE account_id = $1 AND reference = $2"
_DELIVERY_OF = (
    "SELECT coalesce(o.delivery, a.delivery) AS delivery FROM orders o "
    "JOIN accounts a ON a.id = o.account_id WHERE o.id = $1"
)
_PAGE_OF_ACCOUNT = (
    "SELECT * FROM orders WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3"
)
_PAGE_BACKWARDS = (
    "SELECT * FROM orders WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
)
_PAGE_OF_STATUS = (
    "SELECT * FROM orders WHERE status = $1 AND id > $2 ORDER BY id LIMIT $3"
)
MAX_SMALLINT = 2**15 - 1


@dataclass(frozen=True)
class Snapshot:
    """What the shop knew of one design and one buyer at one moment."""

    catalogue_version: int
    paused: bool
    already_placed: bool
    has_profile: bool
    sku: Sku | None


@dataclass(frozen=True)
class StoredOrder:
    """An order as its row has it: the rules' record, its number and first answer."""

    id: int
    order: Order
    first_status: Status
    first_deadline_s: int
    replays: int


@dataclass(frozen=True)
class Purchase:
    """A decided placement, with what the rules' records do not hold.

    Its times are counted from zero: the database adds its clock when it writes.
    """

    account_id: int
    placed: Placed
    delivery: bytes | None


async def snapshot(
    database: Readable, account_id: int, reference: bytes, design: Design
) -> Snapshot:
    """The premises of placing an order, read together."""
    parts = (design.shape, design.size, design.scent)
    # Beyond the column's type there is no such option, and nothing to ask for.
    numbers = [part if 0 <= part <= MAX_SMALLINT else -1 for part in parts]
    row = (await database.read(_SNAPSHOT, account_id, reference, *numbers))[0]
    sku = Sku(design, row["price"] or 0, row["stock"] or 0) if row["known"] else None
    return Snapshot(
        row["catalogue_version"], row["paused"], row["placed"], row["profile"], sku
    )


async def place(database: Database, purchase: Purchase) -> StoredOrder:
    """Write a placement; returns the order of this reference, new or of long ago."""
    order = purchase.placed.order
    rows = await database.write(
        _PLACE,
        purchase.account_id,
        order.reference,
        order.design.shape,
        order.design.size,
        order.design.scent,
        order.quantity,
        order.unit_price,
        order.catalogue_version,
        purchase.delivery,
        order.status is Status.PAID,
        order.deadline_s,
    )
    return stored_order(rows[0])


async def replay(
    database: Database, account_id: int, reference: bytes
) -> StoredOrder | None:
    """Count a retry of a known reference: a write, so its answer is as durable."""
    rows = await database.write(
        "UPDATE orders SET replays = replays + 1 "
        "WHERE account_id = $1 AND reference = $2 RETURNING *",
        account_id,
        reference,
    )
    return stored_order(rows[0]) if rows else None


async def by_id(database: Readable, order_id: int) -> tuple[StoredOrder, int] | None:
    """The order and the database's clock (`now_s`), read at the same moment."""
    row = await database.read_row(_BY_ID, order_id)
    return (stored_order(row), row["now_s"]) if row else None


async def move(
    database: Database,
    before: StoredOrder,
    moved: Moved,
    action: Action,
    actor_id: int,
    delivery: bytes | None = None,
) -> StoredOrder:
    """Write one step; PremiseFailed when another step came first."""
    after = moved.order
    escrow = after.total if action is Action.PAY else -(moved.refund + moved.proceeds)
    rows = await database.write(
        _MOVE,
        before.id,
        actor_id,
        action.value,
        before.order.status.value,
        before.order.deadline_s,
        after.status.value,
        after.deadline_s,
        escrow,
        moved.refund,
        moved.proceeds,
        moved.restock,
        delivery,
    )
    return stored_order(rows[0])


async def by_reference(
    database: Readable, account_id: int, reference: bytes
) -> list[StoredOrder]:
    """The buyer's order of this reference, or nothing."""
    rows = await database.read(_BY_REFERENCE, account_id, reference)
    return [stored_order(row) for row in rows]


async def delivery_of(database: Readable, order_id: int) -> bytes:
    """The sealed address an order goes to; empty where neither has one."""
    rows = await database.read(_DELIVERY_OF, order_id)
    return rows[0]["delivery"] or b"" if rows else b""


async def page_of_account(
    database: Readable, account_id: int, after: int, limit: int
) -> list[StoredOrder]:
    """A buyer's orders with numbers above `after`, oldest first."""
    return _all(await database.read(_PAGE_OF_ACCOUNT, account_id, after, limit))


async def page_backwards(
    database: Readable, account_id: int, before: int, limit: int
) -> list[StoredOrder]:
    """A buyer's orders with numbers below `before`, newest first."""
    return _all(await database.read(_PAGE_BACKWARDS, account_id, before, limit))


async def page_of_status(
    database: Readable, status: Status, after: int, limit: int
) -> list[StoredOrder]:
    """All orders in one status, for those who work on them."""
    return _all(await database.read(_PAGE_OF_STATUS, status.value, after, limit))


def stored_order(row: Row) -> StoredOrder:
    """The record of one row of `orders`."""
    order = Order(
        buyer=str(row["account_id"]),
        reference=row["reference"],
        design=Design(row["shape"], row["size"], row["scent"]),
        quantity=row["quantity"],
        unit_price=row["unit_price"],
        catalogue_version=row["catalogue_version"],
        placed_at_s=row["placed_at_s"],
        status=Status(row["status"]),
        deadline_s=row["deadline_s"],
    )
    return StoredOrder(
        row["id"],
        order,
        Status(row["first_status"]),
        row["first_deadline_s"],
        row["replays"],
    )


def _all(rows: Sequence[Row]) -> list[StoredOrder]:
    return [stored_order(row) for row in rows]
