"""HTTP as the adapters use it: one pooled client, and errors sorted by their effect.

Whether a request may have had an effect is decided by how far it got: a refused
connection certainly had none; a connection that broke after the request was sent may
have had one. A read that broke had no effect and may be repeated freely.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Protocol

import aiohttp
import orjson

from bench.adapters.contract import Answer, Outcome
from bench.errors import BenchError

CONNECTIONS_MAX = 512
BODY_BYTES_MAX = 64 << 20
ERROR_TEXT_MAX = 120


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer; `body` is None if it was not JSON."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def reason(self) -> str:
        """The word for a refusal that the target gave, or its status."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        if isinstance(error, dict) and "reason" in error:
            return str(error["reason"])
        return f"http_{self.status}"


class Broken(BenchError):
    """No whole answer came. `sent` is False if the target certainly saw nothing."""

    def __init__(self, error: BaseException, sent: bool) -> None:
        super().__init__(f"{type(error).__name__}: {error}"[:ERROR_TEXT_MAX])
        self.sent = sent

    def answer(self, is_write: bool) -> Answer:
        """The outcome of an attempt that ended so."""
        unknown = self.sent and is_write
        outcome = Outcome.UNKNOWN if unknown else Outcome.FAILED
        return Answer(outcome, retryable=True, error=str(self))


class Transport(Protocol):
    """Carries single requests over kept connections."""

    async def exchange(
        self, method: str, url: str, headers: dict[str, str], data: bytes | None
    ) -> tuple[int, dict[str, str], bytes | None]:
        """Status, headers and body (None: too large); raises Broken."""

    async def close(self) -> None:
        """Close all connections."""


class Aiohttp:
    """The reference: aiohttp."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=True,
        )

    async def exchange(
        self, method: str, url: str, headers: dict[str, str], data: bytes | None
    ) -> tuple[int, dict[str, str], bytes | None]:
        """One request."""
        try:
            async with self._session.request(
                method, url, data=data, headers=headers
            ) as response:
                raw = await response.read()
        except aiohttp.ClientConnectorError as error:
            raise Broken(error, sent=False) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Broken(error, sent=True) from None
        return (
            response.status,
            dict(response.headers),
            raw if len(raw) <= BODY_BYTES_MAX else None,
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._session.close()


class Httptools:
    """The fast path: a lean protocol on httptools."""

    def __init__(self) -> None:
        try:
            from bench.adapters.fast.pool import NotConnected, Pool
        except ImportError:
            raise BenchError(
                "the client 'httptools' needs the package of that name; install it "
                "with: pip install 'chandlery[bench]'"
            ) from None
        self._pool = Pool(CONNECTIONS_MAX, BODY_BYTES_MAX)
        self._not_connected = NotConnected

    async def exchange(
        self, method: str, url: str, headers: dict[str, str], data: bytes | None
    ) -> tuple[int, dict[str, str], bytes | None]:
        """One request."""
        try:
            whole = await self._pool.exchange(method, url, headers, data)
        except self._not_connected as error:
            raise Broken(error, sent=False) from None
        except OSError as error:
            raise Broken(error, sent=True) from None
        return whole.status, whole.headers, whole.raw

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()


TRANSPORTS: dict[str, Callable[[], Transport]] = {
    "aiohttp": Aiohttp,
    "httptools": Httptools,
}


class HttpClient:
    """Requests to the endpoints of one target, each in turn; a refused connection moves
    on to the next endpoint with the next attempt. `client` names the transport."""

    def __init__(self, urls: list[str], client: str = "aiohttp") -> None:
        self._urls = cycle(urls)
        self._client = client
        self._transport: Transport | None = None

    async def open(self) -> None:
        """Make the connection pool."""
        self._transport = TRANSPORTS[self._client]()

    async def close(self) -> None:
        """Close the pool."""
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request; raises Broken if no whole answer came."""
        assert self._transport is not None, "open() comes first"
        url = path if path.startswith("http") else next(self._urls) + path
        data = None if body is None else orjson.dumps(body)
        all_headers = dict(headers or {})
        if data is not None:
            all_headers["Content-Type"] = "application/json"
        status, told, raw = await self._transport.exchange(
            method, url, all_headers, data
        )
        return Reply(status, _json(raw), told)


def _json(raw: bytes | None) -> Any:
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
