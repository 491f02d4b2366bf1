"""Who is asking: a bearer token, or the session cookie with its CSRF token.

The promise: an account is known by a token that was issued and has not ended. Answers
are remembered for `MEMORY_S`, so a session that ended (or a role that was taken) on
another server may be honoured that much longer, never more. A cookie alone changes
nothing: browsers send it unasked.
"""

import hashlib
import hmac
import time
from collections import OrderedDict

from aiohttp import web

from central_baseline.db import accounts
from central_baseline.db.accounts import Account
from central_baseline.db.database import Database
from central_baseline.db.reading import NOBODY, Reads
from central_baseline.web.refusals import Refusal

COOKIE = "session"
ACCOUNT = "account_id"  # of the caller, kept with the request
CSRF_HEADER = "X-CSRF-Token"
MEMORY_S = 10.0
MAX_REMEMBERED = 20_000
MAX_TOKEN_LENGTH = 64
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Sessions:
    """Resolves tokens, remembering answers for a short while."""

    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads
        self._remembered: OrderedDict[str, tuple[Account, float]] = OrderedDict()

    async def account_of(self, request: web.Request) -> Account:
        """The caller; Refusal 401 without a session, 403 without the CSRF token."""
        token = _token_of(request)
        account = self._recall(token)
        if account is None:
            account = await accounts.session_account(self._reads.reader(NOBODY), token)
            if account is None and self._reads.has_replicas:
                # Perhaps too new for a replica.
                account = await accounts.session_account(self._reads.primary, token)
            if account is None:
                raise _not_signed_in("this session has ended or never was")
            self._remember(token, account)
        request[ACCOUNT] = account.id
        return account

    async def open(self, account: Account) -> str:
        """A new session's token."""
        return await accounts.open_session(self._database, account)

    async def close(self, request: web.Request) -> None:
        """End the caller's session."""
        token = _token_of(request)
        self._remembered.pop(token, None)
        await accounts.close_session(self._database, token)

    def forget(self, account_id: int) -> None:
        """Ask again about an account: its roles have changed."""
        stale = [t for t, (a, _) in self._remembered.items() if a.id == account_id]
        for token in stale:
            del self._remembered[token]

    def _recall(self, token: str) -> Account | None:
        account, until = self._remembered.get(token, (None, 0.0))
        return account if time.monotonic() < until else None

    def _remember(self, token: str, account: Account) -> None:
        self._remembered[token] = (account, time.monotonic() + MEMORY_S)
        self._remembered.move_to_end(token)
        while len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)


def csrf_token(token: str) -> str:
    """Derived from the session's secret: nothing to store, nothing to guess."""
    return hashlib.blake2b(b"csrf " + token.encode(), digest_size=16).hexdigest()


def set_cookie(response: web.Response, token: str) -> None:
    """The cookie of a browser: out of reach of scripts and of other sites' forms."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=accounts.SESSION_HOURS * 3600,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def _token_of(request: web.Request) -> str:
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not 1 <= len(token) <= MAX_TOKEN_LENGTH:
            raise _not_signed_in("send 'Authorization: Bearer TOKEN'")
        return token
    token = request.cookies.get(COOKIE, "")
    if not 1 <= len(token) <= MAX_TOKEN_LENGTH:
        raise _not_signed_in("log in first: POST /api/session")
    if request.method not in SAFE_METHODS:
        sent = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), csrf_token(token).encode()):
            raise Refusal(
                403,
                "csrf_token_missing",
                f"send the session's CSRF token in {CSRF_HEADER}",
            )
    return token


def _not_signed_in(message: str) -> Refusal:
    return Refusal(
        401, "not_signed_in", message, {"WWW-Authenticate": 'Bearer realm="shop"'}
    )
