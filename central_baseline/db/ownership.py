"""The shop changes hands: an offer, and later its acceptance, each one transaction.

An account owns the shop by its role. Whoever takes over gets the role of the one who
offered, and no more: what is in the till by then is the old owner's.
"""

import asyncpg

from central_baseline.db.accounts import TILL, Account
from central_baseline.db.database import Database
from shop_contract.rules import Party, Reason, Rejected
from shop_contract.rules.ownership import Ownership, accept, offer

_LOCK = "SELECT FROM shop_state FOR UPDATE"
_IS_OWNER = "SELECT 'owner' = ANY(roles) FROM accounts WHERE id = $1"
# An offer ends with the ownership of who made it.
_OFFER = """
SELECT s.offered_by, s.offered_to FROM shop_state s
JOIN accounts a ON a.id = s.offered_by AND 'owner' = ANY(a.roles)
"""
_STEP_DOWN = """
UPDATE accounts SET roles = array_remove(roles, 'owner'),
    owed = owed + (SELECT owed FROM accounts WHERE name = $2)
WHERE id = $1
"""
_STEP_UP = """
UPDATE accounts SET roles = array_append(array_remove(roles, 'owner'), 'owner')
WHERE id = $1 RETURNING id, name, roles
"""


async def offer_shop(
    database: Database, account: Account, to: str | None
) -> Rejected | None:
    """Offer the shop to the account of that name; None withdraws the offer."""
    async with database.transaction() as connection:
        await connection.execute(_LOCK)
        owns = await connection.fetchval(_IS_OWNER, account.id)
        by = str(account.id)
        held = offer(Ownership(by if owns else ""), by, to)
        if isinstance(held, Rejected):
            return held
        heir = None
        if to is not None:
            heir = await connection.fetchval(
                "SELECT id FROM accounts WHERE name = $1 AND name <> $2", to, TILL
            )
            if heir is None:
                return Rejected(Reason.INVALID_ACCOUNT)
        await connection.execute(
            "UPDATE shop_state SET offered_by = $1, offered_to = $2",
            None if heir is None else account.id,
            heir,
        )
    return None


async def accept_shop(
    database: Database, account: Account
) -> tuple[Account, int] | Rejected:
    """Take over what was offered; returns the new owner and the old one's number."""
    async with database.transaction() as connection:
        await connection.execute(_LOCK)
        row = await connection.fetchrow(_OFFER)
        if row is None:
            return Rejected(Reason.NOT_AUTHORIZED)
        offered = Ownership(str(row["offered_by"]), str(row["offered_to"]))
        held = accept(offered, str(account.id))
        if isinstance(held, Rejected):
            return held
        owner = await _hand_over(connection, row["offered_by"], account.id)
        return owner, row["offered_by"]


async def _hand_over(
    connection: asyncpg.Connection, old_id: int, new_id: int
) -> Account:
    # In the order of their ids, as every change of several accounts.
    await connection.execute(
        "SELECT FROM accounts WHERE id IN ($1, $2) OR name = $3 ORDER BY id FOR UPDATE",
        old_id,
        new_id,
        TILL,
    )
    await connection.execute(_STEP_DOWN, old_id, TILL)
    await connection.execute("UPDATE accounts SET owed = 0 WHERE name = $1", TILL)
    await connection.execute(
        "UPDATE shop_state SET offered_by = NULL, offered_to = NULL"
    )
    row = await connection.fetchrow(_STEP_UP, new_id)
    roles = frozenset(Party(role) for role in row["roles"])
    return Account(row["id"], row["name"], roles)
