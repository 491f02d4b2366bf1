"""Asking a server over HTTP whether it is there, without a client library."""

import asyncio

PROBE_TIMEOUT_S = 1.0
HEAD_LIMIT = 4096


async def http_status(
    host: str, port: int, path: str, patience_s: float = PROBE_TIMEOUT_S
) -> int | None:
    """Status code of one plain GET, None when nothing sensible answers in time."""
    try:
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                request = f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n"
                writer.write(request.encode())
                head = await reader.read(HEAD_LIMIT)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    words = head.split(b" ", 2)
    if len(words) < 3 or not words[1].isdigit():
        return None
    return int(words[1])
