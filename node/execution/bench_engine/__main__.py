"""Microseconds of CPU per order on both executors.

`python -m node.execution.bench_engine` prints a row for each executor, size of the
state and size of a block: sender recovery, execution, roots, and persistence, which is
commit and background checkpoints; their sum; and the whole process over the same
blocks, the crossing from Python included. py-evm runs beside it on fewer orders; where
its state takes too long to fill, its rows say how far it came. Takes four to six
minutes. `--memory [ORDERS]` prints instead how much memory the native executor takes
while so many orders pass, a million if not said; that takes longer, and how far it is
goes to stderr. Judges nothing: the numbers are for a reader.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec

import psutil

from node.execution.bench_engine.chain import Chain, opened
from node.execution.bench_engine.engines import PHASES, NativeEngine
from node.execution.bench_engine.workload import Orders

MAX_BLOCKS = 128
MEMORY_ORDERS = 1_000_000
MEMORY_BLOCK = 1_000
MEMORY_ROWS = 20
PROGRESS_S = 10.0
# A million orders make a state of some 700 MiB: more than this setting lets stay.
MEMORY_MIB = 256
TABLE_MIB = 2_048
MODULES = {"native": "chandlery_native", "pyevm": "eth"}
MIB = 1 << 20


def measure(chain: Chain, orders: Orders, size: int, blocks: int) -> list[float]:
    """Microseconds of CPU per order: of each phase, their sum, and all.

    Senders are recovered on arrival, then each block is built and committed. A build
    does what a validator's execution does, and seals a header besides.
    """
    engine = chain.engine
    batches = [orders.take(size) for _ in range(blocks)]
    engine.flush()
    before, start_ns = engine.spent_ns(), time.process_time_ns()
    for raws in batches:
        engine.executor.recover(raws)
        chain.add(raws)
    engine.flush()
    all_ns, after = time.process_time_ns() - start_ns, engine.spent_ns()
    spent_ns = [after[phase] - before[phase] for phase in PHASES]
    return [ns / (size * blocks) / 1e3 for ns in (*spent_ns, sum(spent_ns), all_ns)]


def report(kind: str, slots: int, chosen: argparse.Namespace) -> None:
    """Print a row for every block size, and the memory at the end."""
    orders_each = chosen.orders if kind == "native" else chosen.pyevm_orders
    with opened(kind, chosen.memory_mib) as (chain, orders):
        chain.fill(orders, slots, chosen.fill_s)
        for size in chosen.blocks:
            blocks = max(1, min(MAX_BLOCKS, orders_each // size))
            found = measure(chain, orders, size, blocks)
            cells = [f"{microseconds:10.1f}" for microseconds in found]
            print(f"{kind:8}{chain.slots:>10,}{size:>7,}{blocks:>7,}", *cells)
            sys.stdout.flush()
        resident_mib = psutil.Process().memory_info().rss / MIB
        print(
            f"{kind:8}{chain.slots:>10,} slots: the process has {resident_mib:,.0f} MiB"
        )


def report_memory(chosen: argparse.Namespace) -> None:
    """Print what the native executor takes while orders pass."""
    process = psutil.Process()
    total = -(-chosen.memory // MEMORY_BLOCK) * MEMORY_BLOCK
    every = max(MEMORY_BLOCK, total // MEMORY_ROWS // MEMORY_BLOCK * MEMORY_BLOCK)
    print(f"memory setting {chosen.memory_mib:,} MiB, of which the state's pages may")
    print(f"take half; blocks of {MEMORY_BLOCK:,} orders, five new slots each")
    print(f"{'orders':>10}{'pages MiB':>12}{'process MiB':>14}")
    with opened("native", chosen.memory_mib) as (chain, orders):
        engine = chain.engine
        assert isinstance(engine, NativeEngine)
        progress = Progress(total)
        for passed in range(0, total + 1, MEMORY_BLOCK):
            if passed % every == 0 or passed == total:
                pages = engine.resident_bytes / MIB
                rss = process.memory_info().rss / MIB
                print(f"{passed:>10,}{pages:>12,.0f}{rss:>14,.0f}", flush=True)
            if passed < total:
                raws = orders.take(MEMORY_BLOCK)
                engine.executor.recover(raws)
                chain.add(raws)
            progress.show(passed)


class Progress:
    """Says on stderr how far a long run is: seldom, in plain lines."""

    def __init__(self, total: int, every_s: float = PROGRESS_S) -> None:
        self._total = total
        self._every_s = every_s
        self._began_s = self._said_s = time.monotonic()

    def show(self, done: int) -> None:
        """Call it as often as you like."""
        now_s = time.monotonic()
        if done and now_s - self._said_s >= self._every_s:
            self._said_s = now_s
            took_s = now_s - self._began_s
            left_s = took_s * (self._total - done) / done
            text = f"{done:,} of {self._total:,} orders in {took_s:.0f} s"
            print(f"{text}, {left_s:.0f} s at this pace", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--slots", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 100, 1_000, 5_000])
    parser.add_argument("--orders", type=int, default=20_000, help="at each block size")
    parser.add_argument("--pyevm-orders", type=int, default=500, help="0 leaves it out")
    parser.add_argument("--fill-s", type=float, default=90, help="for filling a state")
    parser.add_argument(
        "--memory-mib",
        type=int,
        help=f"the setting: {TABLE_MIB} without, {MEMORY_MIB} with --memory",
    )
    parser.add_argument(
        "--memory",
        type=_count,
        nargs="?",
        const=MEMORY_ORDERS,
        metavar="ORDERS",
        help=f"print memory instead, over so many orders ({MEMORY_ORDERS:,})",
    )
    chosen = parser.parse_args(arguments)
    chosen.memory_mib = chosen.memory_mib or (
        MEMORY_MIB if chosen.memory else TABLE_MIB
    )
    kinds = [kind for kind, module in MODULES.items() if find_spec(module)]
    if "native" not in kinds:
        print("the native executor is not installed")
    if chosen.memory:
        if "native" in kinds:
            report_memory(chosen)
        return 0
    if not chosen.pyevm_orders and "pyevm" in kinds:
        kinds.remove("pyevm")
    print("microseconds of CPU per order")
    print(f"{'executor':8}{'slots':>10}{'block':>7}{'blocks':>7}", end=" ")
    print(*(f"{name:>10}" for name in (*PHASES, "sum", "process")))
    for slots in chosen.slots:
        for kind in kinds:
            report(kind, slots, chosen)
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of orders")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
