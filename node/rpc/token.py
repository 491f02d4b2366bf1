"""Who may ask at all: a token for JSON-RPC that more than this machine can reach.

A dev chain obeys everyone who reaches it, so beyond loopback it listens only with a
token, sent as `Authorization: Bearer TOKEN` with each POST and when a WebSocket is
opened. Pages stay open: they hold nothing, and what they ask needs the token.
"""

import hmac
from typing import Any

from aiohttp import web

from node.rpc.errors import UNAUTHORIZED, RpcError

ASKING = ("/", "/ws")
MIN_TOKEN_CHARACTERS = 16
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class TokenTooShort(Exception):
    """The token could be guessed; says how long it must be."""

    exit_code = 2


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address to listen on."""
    return host in LOOPBACK


def token_guard(token: str) -> Any:
    """A middleware that refuses requests without the token, also with a wrong one.

    Raises TokenTooShort.
    """
    if len(token) < MIN_TOKEN_CHARACTERS:
        raise TokenTooShort(
            f"[rpc] token: at least {MIN_TOKEN_CHARACTERS} characters, not {len(token)}"
        )
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path in ASKING and request.method != "OPTIONS":
            given = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(given, expected):
                return _refusal()
        response: web.StreamResponse = await handler(request)
        return response

    return guard


def _refusal() -> web.Response:
    error = RpcError(
        UNAUTHORIZED,
        "this node wants its token: send the header Authorization: Bearer TOKEN",
    ).to_json()
    return web.json_response(
        {"jsonrpc": "2.0", "id": None, "error": error},
        status=401,
        headers={"WWW-Authenticate": "Bearer"},
    )
