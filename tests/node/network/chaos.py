"""Kill, pause and partition loops over real validators under load, with a verdict.

    python -m tests.node.network.chaos MINUTES [DIR]        (or: make chaos MINUTES=10)

Four validators with default timers; clients that offer each transfer again and again
until some node shows its receipt. Every cycle: a healthy stretch, one node dead, then
three ways to lose the quorum and get it back (two killed, two paused, the network in
halves). Fails when something acknowledged is missing on any node in the end, when nodes
disagree or keep evidence, when commits go on without a quorum, when the first block
after a quorum's return takes longer than RECOVERY_S, or when one dead of four leaves
less than KEPT_RATE of the healthy rate.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from bench.faults.mesh import relay_mesh
from bench.faults.relay import Relays
from tests.node.network.cluster import Cluster, chandlery

RECOVERY_S = 5.0
KEPT_RATE = 0.6
STRETCH_S = 8.0
SETTLING_S = 2.0
OUTAGE_S = 4.0
DEADLINE_S = 60.0
ANSWER_S = 6.0
POLL_S = 0.05
CLIENTS = 8
CHAIN_ID = 7102


@dataclass
class Chaos:
    """One run: what clients were told, and what was measured."""

    cluster: Cluster
    relays: Relays
    http: aiohttp.ClientSession
    acknowledged: dict[str, float] = field(default_factory=dict)
    """Transaction -> when a client was told that it is final."""
    rates: list[tuple[float, float]] = field(default_factory=list)
    """(healthy, with one dead) acknowledgements a second, by cycle."""
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    async def call(self, at: int, method: str, *params: object) -> Any:
        """The result. Raises OSError, TimeoutError; None for an error answer."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        url = self.cluster.urls[at]
        try:
            async with self.http.post(url, json=body, timeout=timeout) as answer:
                found: dict[str, Any] = await answer.json()
                return found.get("result")
        except aiohttp.ClientError as error:
            raise OSError(str(error)) from error

    async def shop(self, client: int) -> None:
        """Transfers of one account, one after the other, each until it is final."""
        account, nonce = self.cluster.accounts[client], 0
        while True:
            raw = "0x" + self.cluster.transfer(account, nonce).hex()
            at = client
            while not await self._offer(at % 4, raw):
                at += 1
                await asyncio.sleep(POLL_S)
            nonce += 1

    async def _offer(self, at: int, raw: str) -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            receipt = await self.call(at, "eth_sendRawTransactionSync", raw)
            if receipt is None:  # known already, perhaps
                digest = await self.call(at, "eth_sendRawTransaction", raw)
                digest = digest or self.cluster.nodes[0].keccak(hexstr=raw).to_0x_hex()
                receipt = await self.call(at, "eth_getTransactionReceipt", digest)
            if receipt is not None:
                self.acknowledged[receipt["transactionHash"]] = time.monotonic()
                return True
        return False

    async def height(self, at: int) -> int:
        """Head of a node; -1 when it does not answer."""
        with contextlib.suppress(OSError, TimeoutError):
            return int(await self.call(at, "eth_blockNumber") or "-1", 16)
        return -1

    async def fault(self, op: str, at: int) -> None:
        """kill, pause, resume or restart."""
        await asyncio.to_thread(self.cluster.fault, op, self.cluster.names[at])

    async def rate(self) -> float:
        """Acknowledgements a second over a stretch that begins now."""
        before = len(self.acknowledged)
        await asyncio.sleep(STRETCH_S)
        return (len(self.acknowledged) - before) / STRETCH_S

    async def until(self, probe: Callable[[], Awaitable[bool]], what: str) -> float:
        """Seconds until the probe says yes."""
        began_s = time.monotonic()
        while not await probe():
            if time.monotonic() - began_s > DEADLINE_S:
                self.complaints.append(f"not within {DEADLINE_S:g} s: {what}")
                break
            await asyncio.sleep(POLL_S)
        return time.monotonic() - began_s

    async def is_level(self) -> bool:
        """All nodes answer and stand together."""
        heights = [await self.height(at) for at in range(4)]
        return min(heights) >= 0 and max(heights) - min(heights) <= 2

    # --- one cycle ---

    async def cycle(self, number: int) -> None:
        """All faults once; who suffers changes from cycle to cycle."""
        one, two = number % 4, (number + 1) % 4
        witness = (number + 2) % 4
        await self.until(self.is_level, "all nodes stand together")
        healthy = await self.rate()
        await self.fault("kill", one)
        await asyncio.sleep(SETTLING_S)
        self.rates.append((healthy, await self.rate()))
        await self.fault("kill", two)
        await self._outage("killed", witness, lambda: self._restart(two))
        await self.fault("restart", one)
        await self.until(self.is_level, "all nodes stand together")
        for at in (one, two):
            await self.fault("pause", at)
        await self._outage("paused", witness, lambda: self.fault("resume", two))
        await self.fault("resume", one)
        await self.until(self.is_level, "all nodes stand together")
        self.relays.split({self.cluster.names[one], self.cluster.names[two]})
        await self._outage("in halves", witness, self._heal)

    async def _restart(self, at: int) -> None:
        """Back is a node that answers."""
        await self.fault("restart", at)

        async def answers() -> bool:
            return await self.height(at) >= 0

        await self.until(answers, f"{self.cluster.names[at]} answers")

    async def _heal(self) -> None:
        self.relays.heal()

    async def _outage(
        self, kind: str, witness: int, end: Callable[[], Awaitable[None]]
    ) -> None:
        """Without a quorum nothing is committed; with it again, soon."""
        await asyncio.sleep(SETTLING_S)
        before = await self.height(witness)
        await asyncio.sleep(OUTAGE_S - SETTLING_S)
        if await self.height(witness) != before:
            self.complaints.append(f"a block was made without a quorum ({kind})")
        await end()

        async def goes_on() -> bool:
            return await self.height(witness) > before

        took_s = await self.until(goes_on, f"a block after {kind}")
        self.recoveries.setdefault(kind, []).append(took_s)

    # --- the end ---

    async def judge(self) -> list[str]:
        """What does not hold."""
        await self.until(self.is_level, "all nodes stand together in the end")
        for at, name in enumerate(self.cluster.names):
            for digest in self.acknowledged:
                receipt = await self.call(at, "eth_getTransactionReceipt", digest)
                if receipt is None or receipt["status"] != "0x1":
                    self.complaints.append(f"{name} lost {digest}, acknowledged")
            if await self.call(at, "qbft_getEvidence"):
                self.complaints.append(f"{name} keeps evidence of a double signature")
        await asyncio.to_thread(self.cluster.assert_agreement)
        for kind, found in self.recoveries.items():
            if max(found) > RECOVERY_S:
                self.complaints.append(
                    f"{kind}: {max(found):.1f} s from a quorum's return to a block"
                )
        kept = median(dead / healthy for healthy, dead in self.rates if healthy)
        if kept < KEPT_RATE:
            self.complaints.append(f"one dead of four leaves {kept:.0%} of the rate")
        return self.complaints

    def lines(self) -> list[str]:
        """The figures."""
        made = [f"{len(self.acknowledged)} transfers acknowledged"]
        for healthy, dead in self.rates:
            made.append(f"{healthy:.0f}/s healthy, {dead:.0f}/s with one dead")
        for kind, found in self.recoveries.items():
            times = ", ".join(f"{took_s:.2f}" for took_s in found)
            made.append(f"{kind}: first block after {times} s")
        return made


async def run(directory: Path, minutes: float) -> Chaos:
    """Cycles until the time is over (at least one), then the verdict."""
    words = ("--rpc-port", "0", "--p2p-port", "0", "--chain-id", str(CHAIN_ID))
    init = ("init", str(directory), "--validators", "4", *words)
    await asyncio.to_thread(chandlery, *init)
    relays = await relay_mesh(directory)
    cluster = await asyncio.to_thread(Cluster, directory, 4, CHAIN_ID)
    ends_s = time.monotonic() + minutes * 60
    try:
        async with aiohttp.ClientSession() as http:
            chaos = Chaos(cluster, relays, http)
            clients = min(CLIENTS, len(cluster.accounts))
            loads = [asyncio.create_task(chaos.shop(i)) for i in range(clients)]
            number = 0
            try:
                while not number or time.monotonic() < ends_s:
                    await chaos.cycle(number)
                    number += 1
            finally:
                for load in loads:
                    load.cancel()
                await asyncio.gather(*loads, return_exceptions=True)
            await chaos.judge()
            return chaos
    finally:
        await asyncio.to_thread(cluster.down)
        await relays.stop()


def main(words: list[str]) -> int:
    """1 when something did not hold."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        directory = Path(words[1]) if len(words) > 1 else Path(folder) / "net"
        chaos = asyncio.run(run(directory, float(words[0]) if words else 1.0))
    print(*chaos.lines(), sep="\n")
    print(*(f"! {complaint}" for complaint in chaos.complaints or ["all holds"]))
    return int(bool(chaos.complaints))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
