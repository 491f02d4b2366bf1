"""Reading requests: past this module, values are typed and within bounds.

It refuses what it does not know: unknown fields, floats, booleans as numbers.
"""

import re
from collections.abc import Collection
from typing import Any

import orjson
from aiohttp import web

from central_baseline.web.refusals import Refusal, malformed
from shop_contract.rules import Design

AMOUNT = re.compile(r"[0-9]{1,78}")  # 256 bits; the rules bound what is taken
WHOLE = re.compile(r"-?[0-9]{1,78}")
HEX = re.compile(r"0x([0-9a-fA-F]{2})*")
MAX_TEXT = 256
MAX_BODY = 16 * 1024  # bytes, unless a route needs more
MAX_BATCH_BODY = 64 * 1024  # the longest batch with the longest envelopes


class Body:
    """A JSON object, read field by field; Refusal 400 names the field."""

    def __init__(self, fields: dict[str, Any], where: str = "the body") -> None:
        self._fields = fields
        self._where = where

    def only(self, names: Collection[str]) -> "Body":
        """Refuse any field that is not one of these."""
        for name in self._fields:
            if name not in names:
                raise malformed(f"{self._where} has an unknown field '{name[:40]}'")
        return self

    def has(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str, longest: int = MAX_TEXT) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or len(value) > longest:
            raise malformed(f"'{name}' must be a string, at most {longest} characters")
        return value

    def integer(self, name: str) -> int:
        value = self._fields.get(name)
        # As a string too: JSON numbers beyond 2**53 do not survive every client.
        if isinstance(value, str) and WHOLE.fullmatch(value):
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise malformed(f"'{name}' must be a whole number")
        return value

    def boolean(self, name: str) -> bool:
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise malformed(f"'{name}' must be true or false")
        return value

    def amount(self, name: str) -> int:
        value = self._fields.get(name)
        if not isinstance(value, str) or not AMOUNT.fullmatch(value):
            raise malformed(
                f"'{name}' must be an amount: a string of at most 78 digits"
            )
        return int(value)

    def hex_bytes(self, name: str) -> bytes:
        value = self._fields.get(name)
        if not isinstance(value, str) or not HEX.fullmatch(value):
            raise malformed(
                f"'{name}' must be bytes as 0x and an even number of digits"
            )
        return bytes.fromhex(value[2:])

    def design(self, name: str = "design") -> Design:
        inner = self._fields.get(name)
        if not isinstance(inner, dict):
            raise malformed(f"'{name}' must be an object of shape, size and scent")
        parts = Body(inner, f"'{name}'").only(("shape", "size", "scent"))
        return Design(
            parts.integer("shape"), parts.integer("size"), parts.integer("scent")
        )

    def objects(self, name: str, most: int) -> list["Body"]:
        value = self._fields.get(name)
        if not isinstance(value, list) or len(value) > most:
            raise malformed(f"'{name}' must be a list of at most {most} objects")
        if not all(isinstance(entry, dict) for entry in value):
            raise malformed(f"'{name}' must hold objects")
        return [Body(entry, f"an entry of '{name}'") for entry in value]

    def texts(self, name: str, most: int) -> list[str]:
        value = self._fields.get(name)
        if not isinstance(value, list) or len(value) > most:
            raise malformed(f"'{name}' must be a list of at most {most} strings")
        if not all(isinstance(entry, str) for entry in value):
            raise malformed(f"'{name}' must hold strings")
        return value


async def read_body(request: web.Request, most: int = MAX_BODY) -> Body:
    """The JSON object of a request of at most so many bytes; Refusal 400 or 413."""
    if request.content_type != "application/json":
        raise malformed("send JSON with 'Content-Type: application/json'")
    try:
        data = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Refusal(413, "body_too_large", error.reason) from error
    if len(data) > most:
        raise Refusal(413, "body_too_large", f"send at most {most} bytes")
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise malformed(f"the body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise malformed("the body must be a JSON object")
    return Body(fields)


def query_integer(request: web.Request, name: str, default: int, most: int) -> int:
    """A whole number from the query string, between 0 and `most`."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise malformed(f"'{name}' must be a whole number")
    return min(int(text), most)
