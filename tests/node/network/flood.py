"""Floods against four real validators under load: what they cost the honest.

    python -m tests.node.network.flood [SECONDS [WORD ...]]  (or: make flood SECONDS=12)

For each kind of flood (`attacks.FLOODS`; words select some by name) the p99 of finality
is measured for so many seconds without it and then with it, and the nodes' memory is
watched. The flooder runs in a process of its own at the lowest priority: its own work
is not what is measured. Fails when a flood costs more than RATIO times the usual p99,
more memory than GROWTH_MIB on any node, an unanswered transfer, or when a connection
that floods is not cut.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from node.networks.control import call_control
from node.networks.supervisor import CONTROL_SOCKET
from node.primitives.secp256k1 import PrivateKey
from tests.node.network.attacks import FLOODS, Tally
from tests.node.network.cluster import Cluster, chandlery

CHAIN_ID = 7103
RATE_PER_S = 40.0
ANSWER_S = 10.0
RATIO = 2.0
GROWTH_MIB = 96.0
"""Two messages of the largest size in each of four stages, and some more."""
LONGEST_S = 9.0
"""A connection that floods or does nothing lives no longer."""
SETTLING_S = 2.0
LOWEST_PRIORITY = 19
SLOWEST = 10_000.0


@dataclass(frozen=True)
class Measured:
    """One stretch of load."""

    p99_ms: float
    unanswered: int
    peak_mib: dict[str, float]


@dataclass(frozen=True)
class Row:
    """One kind of flood."""

    kind: str
    before: Measured
    during: Measured
    tally: Tally

    @property
    def ratio(self) -> float:
        """How many times the usual p99 finality takes."""
        return self.during.p99_ms / self.before.p99_ms

    @property
    def growth_mib(self) -> float:
        """Of the node that grew most."""
        peaks = self.during.peak_mib
        return max(mib - self.before.peak_mib[name] for name, mib in peaks.items())

    def complaints(self) -> list[str]:
        """What the flood cost that it may not."""
        found = []
        if self.ratio > RATIO:
            found.append(f"{self.ratio:.1f} times the usual p99")
        if self.during.unanswered:
            found.append(f"{self.during.unanswered} transfers unanswered")
        if self.growth_mib > GROWTH_MIB:
            found.append(f"a node grew by {self.growth_mib:.0f} MiB")
        if not self.tally.made:
            found.append("no connection was made")
        if FLOODS[self.kind].is_cut and self.tally.longest_s > LONGEST_S:
            found.append(f"a connection lived for {self.tally.longest_s:.1f} s")
        return [f"{self.kind}: {complaint}" for complaint in found]

    def line(self) -> str:
        """The figures."""
        tally = self.tally
        return (
            f"{self.kind:<28}{self.before.p99_ms:>8.0f}{self.during.p99_ms:>8.0f}"
            f"{self.ratio:>7.2f}{self.growth_mib:>8.1f}{tally.made:>8}{tally.cut:>8}"
            f"{tally.refused:>9}{tally.longest_s:>10.2f}{tally.sent_mb:>9.1f}"
        )


HEADER = (
    f"{'flood':<28}{'p99 ms':>8}{'flooded':>8}{'ratio':>7}{'MiB +':>8}"
    f"{'made':>8}{'cut':>8}{'refused':>9}{'longest s':>10}{'sent MB':>9}"
)


class Load:
    """Transfers at a steady rate, each timed from its sending to its receipt."""

    def __init__(self, cluster: Cluster, http: aiohttp.ClientSession) -> None:
        self.cluster = cluster
        self.http = http
        self.nonces = [0] * len(cluster.accounts)
        self.nodes = list(range(len(cluster.urls)))
        """Those that are offered transfers."""

    async def stretch(self, seconds: float) -> Measured:
        """Load for so long; every transfer is waited for."""
        sent: list[asyncio.Task[float]] = []
        peaks: dict[str, float] = {}
        watch = asyncio.create_task(self._watch(peaks))
        began_s = time.monotonic()
        for number in range(int(seconds * RATE_PER_S)):
            due_s = began_s + number / RATE_PER_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            sent.append(asyncio.create_task(self._transfer(number, due_s)))
        took_ms = sorted(await asyncio.gather(*sent))
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        lost = sum(ms >= SLOWEST for ms in took_ms)
        return Measured(took_ms[len(took_ms) * 99 // 100], lost, peaks)

    async def _transfer(self, number: int, due_s: float) -> float:
        """Milliseconds from when it was due to its receipt."""
        client = number % len(self.nonces)
        url = self.cluster.urls[self.nodes[client % len(self.nodes)]]
        account, nonce = self.cluster.accounts[client], self.nonces[client]
        self.nonces[client] += 1
        raw = "0x" + self.cluster.transfer(account, nonce).hex()
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "eth_sendRawTransactionSync",
            "params": [raw],
        }
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with self.http.post(url, json=body, timeout=timeout) as answer:
                found: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            return SLOWEST
        is_final = bool(found.get("result"))
        return (time.monotonic() - due_s) * 1000 if is_final else SLOWEST

    async def _watch(self, peaks: dict[str, float]) -> None:
        while True:
            answer = await asyncio.to_thread(
                call_control, self.cluster.directory / CONTROL_SOCKET, "list"
            )
            for row in answer["components"]:
                if row["state"] == "running":
                    mib = row["rss_bytes"] / 2**20
                    peaks[row["name"]] = max(peaks.get(row["name"], 0.0), mib)
            await asyncio.sleep(0.5)


async def flood(directory: Path, kind: str, seconds: float) -> "asyncio.Task[Tally]":
    """Start the flooder; its tally when it ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.node.network.attacks"),
        *(str(directory), kind, str(seconds)),
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=_be_last,
    )

    async def told() -> Tally:
        output, _ = await process.communicate()
        return Tally(**json.loads(output))

    return asyncio.create_task(told())


def _be_last() -> None:
    os.nice(LOWEST_PRIORITY)


async def measure(load: Load, kind: str, seconds: float) -> Row:
    """Without the flood, then with it."""
    directory = load.cluster.directory
    if FLOODS[kind].key == "validator":
        await asyncio.to_thread(load.cluster.fault, "kill", load.cluster.names[-1])
        load.nodes = load.nodes[:-1]
        await asyncio.sleep(SETTLING_S)
    before = await load.stretch(seconds)
    telling = await flood(directory, kind, seconds + 2 * SETTLING_S)
    await asyncio.sleep(SETTLING_S)
    during = await load.stretch(seconds)
    row = Row(kind, before, during, await telling)
    await asyncio.sleep(SETTLING_S)
    return row


async def run(directory: Path, seconds: float, kinds: list[str]) -> list[Row]:
    """All these floods, one after the other; prints each row as it is known."""
    words = ("--rpc-port", "0", "--p2p-port", "0", "--chain-id", str(CHAIN_ID))
    await asyncio.to_thread(
        chandlery, "init", str(directory), "--validators", "4", *words
    )
    _make_flooders(directory, kinds)
    cluster = await asyncio.to_thread(Cluster, directory, 4, CHAIN_ID)
    rows = []
    try:
        async with aiohttp.ClientSession() as http:
            load = Load(cluster, http)
            await load.stretch(3)
            print(HEADER, flush=True)
            for kind in kinds:
                rows.append(await measure(load, kind, seconds))
                print(rows[-1].line(), flush=True)
    finally:
        await asyncio.to_thread(cluster.down)
    return rows


def _make_flooders(directory: Path, kinds: list[str]) -> None:
    """A key for each kind: one that is banned for its flood must not spoil the next."""
    (directory / "flooders").mkdir()
    allowed = []
    for kind in kinds:
        key = PrivateKey.generate()
        (directory / "flooders" / kind).write_bytes(key.secret)
        allowed.append(f"0x{key.address.hex()}")
    os.environ["CHANDLERY_P2P_OBSERVERS"] = ",".join(allowed)


def main(words: list[str]) -> int:
    """1 when something did not hold."""
    seconds = float(words[0]) if words else 12.0
    kinds = [k for k in FLOODS if not words[1:] or any(w in k for w in words[1:])]
    # The validator that floods is killed first: that kind comes last.
    with tempfile.TemporaryDirectory(prefix="flood-") as folder:
        rows = asyncio.run(run(Path(folder) / "net", seconds, kinds))
    complaints = [complaint for row in rows for complaint in row.complaints()]
    print(*(f"! {complaint}" for complaint in complaints or ["all holds"]), sep="\n")
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
