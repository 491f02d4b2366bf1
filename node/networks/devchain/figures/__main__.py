"""Prints how fast a dev chain is on this machine.

Starts `chandlery dev` as a process of its own for what goes over HTTP; the rest runs in
this process. Judges nothing: the numbers are for a reader.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from node.execution.bench_engine import Orders
from node.networks.devchain.figures.client import Client, DevProcess
from node.networks.devchain.figures.measure import (
    Rate,
    batched,
    in_process,
    prepare,
    ready_s,
    resets,
    sequential,
    words,
)

MIB = 1 << 20
WARM_UP = 200


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--executor", default="auto", help="auto, native or pyevm")
    parser.add_argument("--orders", type=int, default=2_000, help="one by one")
    parser.add_argument("--batch", type=int, default=100, help="orders in a batch")
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--resets", type=int, default=10_000)
    chosen = parser.parse_args(arguments)
    executor = chosen.executor
    _say("ready to listen", f"{ready_s(executor):.2f} s")
    over_http(executor, chosen)
    alone = asyncio.run(in_process(executor, chosen.orders))
    _say("one by one, in the process", _rate(alone))
    found = asyncio.run(resets(executor, chosen.resets))
    _say(f"{chosen.resets:,} resets, p50", f"{found.p50_ms:.3f} ms")
    _say(f"{chosen.resets:,} resets, p95", f"{found.p95_ms:.3f} ms")
    growth = found.growth_bytes / MIB
    _say("memory added by the last nine tenths", f"{growth:.1f} MiB")
    return 0


def over_http(executor: str, chosen: argparse.Namespace) -> None:
    """What a client of a served chain sees, which logs as it does by itself."""
    orders = Orders()
    with DevProcess(*words(executor)) as dev, Client(dev.url) as client:
        _say("executor", client.ask("web3_clientVersion"))
        prepare(client, orders)
        sequential(dev, client, orders, WARM_UP)
        rate = sequential(dev, client, orders, chosen.orders)
        _say("one by one with receipt, over HTTP", _rate(rate))
        rate = batched(dev, client, orders, chosen.batch, chosen.batches)
        _say(f"batches of {chosen.batch}, over HTTP", _rate(rate))


def _rate(rate: Rate) -> str:
    return f"{rate.per_s:,.0f} orders/s, {rate.cpu_us:.0f} us of CPU each"


def _say(what: str, found: str) -> None:
    print(f"{what:42}{found}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
