"""Accounts and sessions in SQL.

A session's token is known to its holder alone; the table has its SHA-256. Lifetimes are
by the database's clock.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from central_baseline.db.database import Database
from central_baseline.db.reading import Readable
from shop_contract.rules import Party

SESSION_HOURS = 12
TOKEN_BYTES = 24
TILL = "till"


class NameTaken(Exception):
    """Somebody else registered this name first."""


@dataclass(frozen=True)
class Account:
    """Who is asking: number, name and roles."""

    id: int
    name: str
    roles: frozenset[Party]


@dataclass(frozen=True)
class Profile:
    """What an account says about itself; `version` rises with each change."""

    delivery: bytes | None
    version: int


def token_digest(token: str) -> bytes:
    """What the table keeps of a token."""
    return hashlib.sha256(token.encode()).digest()


async def register(database: Database, name: str, password_hash: str) -> Account:
    """A new customer; NameTaken when the name is in use."""
    try:
        rows = await database.write(
            "INSERT INTO accounts (name, password_hash) VALUES ($1, $2) RETURNING id",
            name,
            password_hash,
        )
    except asyncpg.UniqueViolationError as error:
        raise NameTaken(name) from error
    return Account(rows[0]["id"], name, frozenset())


async def by_name(database: Readable, name: str) -> tuple[Account, str | None] | None:
    """The account and its password hash, None when nobody has the name."""
    row = await database.read_row(
        "SELECT id, name, roles, password_hash FROM accounts WHERE name = $1", name
    )
    return (_account(row), row["password_hash"]) if row else None


async def change_role(
    database: Database, name: str, role: Party, enabled: bool
) -> Account | None:
    """Give or take one role; None when nobody has the name."""
    rows = await database.write(
        "UPDATE accounts SET roles = CASE WHEN $3 "
        "THEN array_append(array_remove(roles, $2), $2) "
        "ELSE array_remove(roles, $2) END "
        "WHERE name = $1 RETURNING id, name, roles",
        name,
        role.value,
        enabled,
    )
    return _account(rows[0]) if rows else None


async def open_session(database: Database, account: Account) -> str:
    """A new token for the account, good for `SESSION_HOURS`."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    await database.write(
        "INSERT INTO sessions (token_hash, account_id, expires_at) "
        "VALUES ($1, $2, now() + make_interval(hours => $3))",
        token_digest(token),
        account.id,
        SESSION_HOURS,
    )
    return token


async def session_account(database: Readable, token: str) -> Account | None:
    """The account of a token, None when it is unknown, ended or too old."""
    row = await database.read_row(
        "SELECT a.id, a.name, a.roles FROM sessions s "
        "JOIN accounts a ON a.id = s.account_id "
        "WHERE s.token_hash = $1 AND s.expires_at > now()",
        token_digest(token),
    )
    return _account(row) if row else None


async def close_session(database: Database, token: str) -> None:
    """End a session, and sweep those that have run out."""
    await database.write(
        "DELETE FROM sessions WHERE token_hash = $1 OR expires_at < now()",
        token_digest(token),
    )


async def read_profile(database: Readable, account_id: int) -> Profile:
    """The profile of an account that exists."""
    rows = await database.read(
        "SELECT delivery, profile_version FROM accounts WHERE id = $1", account_id
    )
    return Profile(rows[0]["delivery"], rows[0]["profile_version"])


async def change_delivery(database: Database, account_id: int, delivery: bytes) -> int:
    """Set the delivery address; returns the profile's new version."""
    rows = await database.write(
        "UPDATE accounts SET delivery = $2, profile_version = profile_version + 1 "
        "WHERE id = $1 RETURNING profile_version",
        account_id,
        delivery,
    )
    version: int = rows[0]["profile_version"]
    return version


async def read_owed(database: Readable, account: Account) -> int:
    """What the shop owes the account; to an owner also what is in the till."""
    rows = await database.read(
        "SELECT sum(owed) AS owed FROM accounts WHERE id = $1 OR ($2 AND name = $3)",
        account.id,
        Party.OWNER in account.roles,
        TILL,
    )
    owed: int = rows[0]["owed"]
    return owed


async def withdraw(database: Database, account: Account) -> int:
    """Pay out all that is owed; 0 when nothing was."""
    rows = await database.write(
        "SELECT withdraw_owed($1, $2) AS amount",
        account.id,
        Party.OWNER in account.roles,
    )
    amount: int = rows[0]["amount"]
    return amount


async def provision(
    database: Database,
    names: Sequence[str],
    roles: Sequence[str],
    delivery: bytes | None,
) -> list[tuple[int, str, str]]:
    """Accounts of these names with a session each: (account, name, token).

    An account that exists keeps its number and gets the roles and delivery given.
    """
    tokens = [secrets.token_urlsafe(TOKEN_BYTES) for _ in names]
    async with database.transaction() as connection:
        rows = await connection.fetch(
            "INSERT INTO accounts (name, roles, delivery) "
            "SELECT unnest($1::text[]), $2, $3 "
            "ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, "
            "delivery = coalesce(excluded.delivery, accounts.delivery) "
            "RETURNING id, name",
            names,
            roles,
            delivery,
        )
        ids = {row["name"]: row["id"] for row in rows}
        await connection.execute(
            "INSERT INTO sessions (token_hash, account_id, expires_at) "
            "SELECT t, a, now() + make_interval(hours => $3) "
            "FROM unnest($1::bytea[], $2::bigint[]) AS new (t, a)",
            [token_digest(token) for token in tokens],
            [ids[name] for name in names],
            SESSION_HOURS,
        )
    return [(ids[name], name, token) for name, token in zip(names, tokens, strict=True)]


def _account(row: asyncpg.Record) -> Account:
    return Account(row["id"], row["name"], frozenset(Party(r) for r in row["roles"]))
