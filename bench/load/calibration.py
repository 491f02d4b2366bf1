"""What the generator's own client can do, before anything is measured with it.

Two figures against a server that answers at once: how many requests the client makes
for a second of its CPU, and how long one takes when there is nothing to wait for. A
latency near the second is the client's own; a load near the first would measure the
client. Both are printed with every run.
"""

import asyncio
import sys
import time
from dataclasses import dataclass

from bench.adapters.http import HttpClient
from bench.errors import BenchError
from bench.stats.windows import rank_quantile_ms

BUSY_CLIENTS = 16
BUSY_S = 1.0
ALONE_REQUESTS = 400
START_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Requests a CPU second of the client; and the floor of its latency in ms."""

    requests_per_cpu_s: float
    floor_ms_p50: float
    floor_ms_p99: float


async def calibrate(client: str) -> Calibration:
    """Measure a client for a second or two against a null server of its own."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load.null_server"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin is not None, "asked for above"
    assert server.stdout is not None, "asked for above"
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            port = int(await server.stdout.readline())
        return await _measure(f"http://127.0.0.1:{port}", client)
    except (ValueError, TimeoutError):
        raise BenchError("the null server for the calibration did not start") from None
    finally:
        server.stdin.close()
        await server.wait()


async def _measure(url: str, name: str) -> Calibration:
    client = HttpClient([url], name)
    await client.open()
    try:
        alone_ns = []
        for _ in range(ALONE_REQUESTS):
            began_ns = time.monotonic_ns()
            await client.request("GET", "/")
            alone_ns.append(time.monotonic_ns() - began_ns)
        cpu_ns = time.process_time_ns()
        counts = await asyncio.gather(*(_busy(client) for _ in range(BUSY_CLIENTS)))
        cpu_s = (time.process_time_ns() - cpu_ns) / 1e9
    finally:
        await client.close()
    return Calibration(
        sum(counts) / cpu_s,
        rank_quantile_ms(alone_ns, 0.5) or 0.0,
        rank_quantile_ms(alone_ns, 0.99) or 0.0,
    )


async def _busy(client: HttpClient) -> int:
    """Requests one after another until the time is over; returns how many."""
    count, end_s = 0, time.monotonic() + BUSY_S
    while time.monotonic() < end_s:
        await client.request("GET", "/")
        count += 1
    return count
