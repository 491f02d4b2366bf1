"""Microseconds of CPU per order on both executors.

`python -m node.execution.bench_engine` prints a table. An order here is what the shop's
contract does at its core: five new slots, a counter and a log, by a sender who pays
fees. The native executor reports the CPU of each phase by itself, on one thread; `all`
is the whole process over the same blocks, background checkpoints and the crossing from
Python included. py-evm knows no phases; it runs fewer orders on a small state of its
own, because it is many times slower. Judges nothing: the numbers are for a reader.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from node.chain.block import Block
from node.chain.genesis import ConsensusConfig, Genesis, GenesisAccount
from node.chain.genesis_builder import make_genesis
from node.chain.header import Header, prev_randao_of
from node.execution.executor import BlockEnv, BuildLimits, Executor
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address

CHAIN_ID = 7001
GAS_LIMIT = 2_500_000_000
ORDER_GAS = 300_000
FILL_SLOT_GAS = 22_600
FILL_SLOTS = 10_000
MAX_FEE = 10**12
SENDERS = 250
ORDERS = Address(bytes.fromhex("00000000000000000000000000000000000000aa"))
LIMITS = BuildLimits(gas=GAS_LIMIT, bytes=1 << 30, time_ms=3_600_000)
MAX_BLOCKS = 128
PYEVM_SLOTS = 2_000
COLUMNS = ("recover", "execute", "roots", "commit", "checkpoint", "all")


def contract_code() -> bytes:
    """The runtime code of the orders' contract."""
    order = bytes.fromhex(
        "5f355f52"  # the reference, in memory
        "5f546001018060005560205f20"  # counter + 1; keccak of the reference: [n, base]
    )
    for at in range(5):
        order += bytes.fromhex(f"818160{at:02x}0155")  # slot base + at = n
    order += bytes.fromhex("5f3560205fa100")  # LOG1(reference), STOP
    head_bytes = 7
    fill = head_bytes + len(order)
    loop = fill + 4
    end = loop + 19
    head = bytes.fromhex("36604014") + bytes((0x60, fill, 0x57))
    body = bytes.fromhex("5b602035")  # [count]
    body += bytes.fromhex("5b8015") + bytes((0x60, end, 0x57))
    body += bytes.fromhex(
        "60019003805f35018055"
    )  # count - 1; slot start + count = itself
    body += bytes((0x60, loop, 0x56)) + bytes.fromhex("5b00")
    return head + order + body


@dataclass
class Chain:
    """Grows on one executor; `header` is its head."""

    executor: Executor
    header: Header
    coinbase: Address

    def add(self, raws: Sequence[bytes]) -> bytes:
        """A committed block of all of them, its RLP. Raises RuntimeError."""
        number = self.header.number + 1
        env = BlockEnv(
            number=number,
            timestamp=self.header.timestamp + 1,
            coinbase=self.coinbase,
            gas_limit=GAS_LIMIT,
            base_fee_per_gas=0,
            prev_randao=prev_randao_of(self.header.digest, number),
        )
        built = self.executor.build(self.header, env, raws, LIMITS)
        if len(built.included) != len(raws):
            raise RuntimeError(f"not all orders fit: {built.refused[:1]}")
        self.follow(built.block, built.executed.digest)
        return built.block

    def follow(self, block: bytes, digest: Any) -> None:
        """Commit an executed block."""
        self.executor.commit(digest)
        self.header = Block.decode(block).header


class Orders:
    """Signed orders, each with a reference of its own."""

    def __init__(self) -> None:
        self.keys = [PrivateKey(keccak256(b"order%d" % at)) for at in range(SENDERS)]
        self.nonces = [0] * SENDERS
        self.made = 0

    def take(self, count: int) -> list[bytes]:
        """The next orders, the senders taking turns."""
        return [self._order() for _ in range(count)]

    def fill(self, start: int, count: int) -> bytes:
        """A transaction that writes `count` slots from `start` on."""
        data = start.to_bytes(32, "big") + count.to_bytes(32, "big")
        return self._sign(0, data, 30_000 + FILL_SLOT_GAS * count)

    def _order(self) -> bytes:
        self.made += 1
        reference = keccak256(b"reference" + self.made.to_bytes(8, "big"))
        return self._sign(self.made % SENDERS, reference, ORDER_GAS)

    def _sign(self, at: int, data: bytes, gas: int) -> bytes:
        nonce = self.nonces[at]
        self.nonces[at] += 1
        numbers = (CHAIN_ID, nonce, 0, MAX_FEE, gas)
        fields: list[rlp.Item] = [rlp.from_int(number) for number in numbers]
        fields += [ORDERS, b"", data, []]
        signature = self.keys[at].sign(keccak256(b"\x02" + rlp.encode(fields)))
        halves = (signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0"))
        return b"\x02" + rlp.encode([*fields, rlp.from_int(signature[64]), *halves])


def genesis_of(orders: Orders) -> Genesis:
    """A free-gas network with the contract and the senders' accounts."""
    consensus = ConsensusConfig(gas_limit=GAS_LIMIT, zero_base_fee=True)
    balances = {key.address: 10**30 for key in orders.keys}
    genesis = make_genesis(CHAIN_ID, [Address(b"\1" * 20)], balances, consensus, 1)
    contract = GenesisAccount(nonce=1, code=contract_code())
    return replace(genesis, alloc={**genesis.alloc, ORDERS: contract})


@contextlib.contextmanager
def opened(kind: str, slots: int, memory_mib: int) -> Iterator[tuple[Chain, Orders]]:
    """A chain whose contract has so many slots, on a fresh state folder."""
    orders = Orders()
    genesis = genesis_of(orders)
    with tempfile.TemporaryDirectory() as folder:
        executor = _executor(kind, Path(folder), genesis, memory_mib)
        chain = Chain(executor, genesis.header, genesis.validators.addresses[0])
        try:
            for start in range(0, slots, FILL_SLOTS):
                count = min(FILL_SLOTS, slots - start)
                chain.add([orders.fill(1_000_000 + start, count)])
            yield chain, orders
        finally:
            executor.close()


def _executor(kind: str, folder: Path, genesis: Genesis, memory_mib: int) -> Executor:
    if kind == "native":
        from node.execution.native import NativeExecutor, NativeSettings

        settings = NativeSettings(threads=1, memory_bytes=memory_mib << 20)
        return NativeExecutor(folder, genesis, settings)
    from node.execution.pyevm import PyEvmExecutor

    return PyEvmExecutor(folder, genesis)


def measure(chain: Chain, orders: Orders, size: int, blocks: int) -> dict[str, float]:
    """Microseconds of CPU per order: recover on arrival, then build and commit.

    A build does what a validator's execution does, and seals a header besides.
    """
    batches = [orders.take(size) for _ in range(blocks)]
    flush: Any = getattr(chain.executor, "flush", lambda: None)
    flush()
    before, start = _phases(chain), time.process_time()
    for raws in batches:
        chain.executor.recover(raws)
        chain.add(raws)
    flush()
    spent_s, after = time.process_time() - start, _phases(chain)
    count = size * blocks
    per_order = {name: (after[name] - before[name]) / count / 1e3 for name in after}
    return {**per_order, "all": spent_s / count * 1e6}


def _phases(chain: Chain) -> dict[str, int]:
    if chain.executor.name != "native":
        return {}
    import chandlery_native

    return dict(chandlery_native.phases())


def report(
    kind: str, slots: int, sizes: Sequence[int], orders_each: int, memory_mib: int
) -> None:
    """Print a table row for every block size, and the memory at the end."""
    with opened(kind, slots, memory_mib) as (chain, orders):
        for size in sizes:
            blocks = max(1, min(MAX_BLOCKS, orders_each // size))
            found = measure(chain, orders, size, blocks)
            cells = [_cell(found.get(name)) for name in COLUMNS]
            print(f"{kind:8}{slots:>10,}{size:>7,}{blocks:>7,}", *cells, flush=True)

        resident_mib = psutil.Process().memory_info().rss / 2**20
        print(f"{kind:8}{slots:>10,} slots: the process has {resident_mib:,.0f} MiB")


def _cell(microseconds: float | None) -> str:
    return f"{'-':>10}" if microseconds is None else f"{microseconds:10.1f}"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--slots", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 100, 1_000, 5_000])
    parser.add_argument("--orders", type=int, default=20_000, help="at each block size")
    parser.add_argument("--pyevm-orders", type=int, default=500, help="0 leaves it out")
    parser.add_argument("--memory", type=int, default=2_048, help="setting, in MiB")
    chosen = parser.parse_args(arguments)
    print("microseconds of CPU per order")
    print(f"{'executor':8}{'slots':>10}{'block':>7}{'blocks':>7}", end=" ")
    print(*(f"{name:>10}" for name in COLUMNS))
    if find_spec("chandlery_native"):
        for slots in chosen.slots:
            report("native", slots, chosen.blocks, chosen.orders, chosen.memory)
    else:
        print("the native executor is not installed")
    if chosen.pyevm_orders and find_spec("eth"):
        sizes = [size for size in chosen.blocks if size <= chosen.pyevm_orders]
        report("pyevm", PYEVM_SLOTS, sizes, chosen.pyevm_orders, chosen.memory)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
