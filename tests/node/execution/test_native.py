"""What is the native executor's own: settings, memory, past states, crashes.

What both executors share is held by `test_differential` and the public vectors.
"""

import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from node.chain.block import Block
from node.execution.bench_engine.chain import FIRST_FILLED, opened
from node.execution.bench_engine.workload import ORDERS
from node.execution.executor import (
    BlockInvalid,
    BuildLimits,
    Call,
    ErrorKind,
    ExecutorFailed,
    TracerConfig,
    UnknownState,
)
from node.execution.settings import StateSettings
from node.primitives.types import Hash32
from tests.node.execution.assembler import code
from tests.node.execution.local_chain import LocalChain, genesis_for
from tests.node.execution.signing import Draft, address_of

pytest.importorskip("chandlery_native", reason="the native executor is not installed")

from node.execution.native import NativeExecutor, TraceError

LOOP = bytes.fromhex("5b5f56")
BLOCKS = 60
CHILD = """
import sys
from pathlib import Path
from node.execution.native import NativeExecutor
from node.execution.settings import StateSettings
from tests.node.execution.local_chain import genesis_for

settings = StateSettings(checkpoint_blocks=2)
executor = NativeExecutor(Path(sys.argv[1]), genesis_for(), settings)
blocks = Path(sys.argv[2]).read_text().split()
for block in blocks[executor.head[0]:]:
    executed = executor.execute(bytes.fromhex(block))
    executor.commit(executed.digest)
    print(executor.head[0], flush=True)
"""


@pytest.fixture
def genesis():
    return genesis_for()


@pytest.fixture
def chain(genesis):
    executor = NativeExecutor(None, genesis)
    yield LocalChain(executor, genesis)
    executor.close()


def pay(nonce: int = 0, **more: int) -> bytes:
    return Draft(address_of("bob"), nonce, value=1, gas=21_000, **more).sign("alice")


def test_a_block_is_pending_until_it_is_committed(chain):
    built = chain.build([pay()])
    assert chain.executor.committed[0] == 0
    with pytest.raises(UnknownState):
        chain.executor.view(built.executed.digest)
    chain.commit(built)
    assert chain.executor.committed == (1, built.executed.digest)
    assert chain.view().nonce(address_of("alice")) == 1


def test_a_held_header_with_other_transactions_is_invalid(chain):
    built = chain.build([pay()])
    forged = replace(Block.decode(built.block), transactions=(pay(1),))
    with pytest.raises(BlockInvalid, match="not those of the header"):
        chain.executor.execute(forged.encode())
    assert chain.executor.execute(built.block) == built.executed


def test_a_transaction_that_runs_too_long_is_refused_and_the_block_goes_on(genesis):
    consensus = replace(genesis.consensus, gas_limit=2_000_000_000)
    patient = genesis_for(consensus=consensus)
    chain = LocalChain(NativeExecutor(None, patient), patient)
    at = chain.deploy(LOOP)
    endless = Draft(at, 1, gas=1_900_000_000, max_fee=10**12).sign("alice")
    other = Draft(address_of("bob"), value=1, gas=21_000, max_fee=10**12).sign("carol")
    limits = BuildLimits(2_000_000_000, 1_000_000, 300)
    built = chain.build([endless, other], limits)
    assert [(position, error.kind) for position, error in built.refused] == [
        (0, ErrorKind.UNBUILDABLE)
    ]
    chain.commit(chain.build([other]))
    chain.executor.close()


def test_states_of_the_window_read_alike_after_a_restart(tmp_path, genesis):
    settings = StateSettings(archive=False, window_blocks=5)
    chain = LocalChain(NativeExecutor(tmp_path, genesis, settings), genesis)
    digests = [chain.add(pay(nonce)).digest for nonce in range(9)]
    for _ in range(2):
        for count, digest in enumerate(digests, 1):
            if count > 4:
                view = chain.executor.view(digest)
                assert view.nonce(address_of("alice")) == count
                assert view.proof(address_of("alice"), ()).nonce == count
            else:
                with pytest.raises(UnknownState):
                    chain.executor.view(digest)
        chain.executor.close()
        chain.executor = NativeExecutor(tmp_path, genesis, settings)
        assert chain.executor.head == (9, digests[-1])
    chain.executor.close()


def test_an_archive_reads_every_state(tmp_path, genesis):
    settings = StateSettings(window_blocks=1, archive=True)
    chain = LocalChain(NativeExecutor(tmp_path, genesis, settings), genesis)
    digests = [chain.add(pay(nonce)).digest for nonce in range(8)]
    chain.executor.flush()
    for count, digest in enumerate([genesis.digest, *digests]):
        assert chain.executor.view(digest).nonce(address_of("alice")) == count
    chain.executor.close()


def test_a_view_outlives_its_executor_as_far_as_memory_goes(chain):
    chain.add(pay())
    view = chain.view()
    chain.executor.close()
    assert view.nonce(address_of("alice")) == 1


def test_views_are_read_from_other_threads_while_blocks_are_made(chain):
    view = chain.view()
    found: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            found.append(view.nonce(address_of("alice")))

    reader = threading.Thread(target=read)
    reader.start()
    for nonce in range(20):
        chain.add(pay(nonce))
    stop.set()
    reader.join(10)
    assert set(found) == {0}


def test_a_damaged_or_foreign_or_busy_folder_is_refused(tmp_path, genesis):
    first = NativeExecutor(tmp_path, genesis)
    with pytest.raises(ExecutorFailed, match="in use"):
        NativeExecutor(tmp_path, genesis)
    first.close()
    with pytest.raises(ExecutorFailed, match="another network"):
        NativeExecutor(tmp_path, genesis_for(validators=("v2",)))
    file = tmp_path / "state.redb"
    file.write_bytes(b"not a store at all" * 100)
    with pytest.raises(ExecutorFailed):
        NativeExecutor(tmp_path, genesis)


def test_a_call_under_a_clock_ends(chain):
    at = chain.deploy(LOOP)
    call = Call(address_of("alice"), at, gas=10**12)
    result = chain.view().call(call, chain.env(), {})
    assert result.error.startswith("execution timeout")


def test_an_unknown_tracer_is_named(chain):
    call = Call(address_of("alice"), address_of("bob"))
    with pytest.raises(TraceError, match="callTracer"):
        chain.view().trace_call(call, chain.env(), {}, TracerConfig("noSuchTracer"))


def test_a_call_that_cannot_begin_has_no_trace(chain):
    call = Call(address_of("nobody"), address_of("bob"), value=1)
    with pytest.raises(TraceError, match="insufficient funds"):
        chain.view().trace_call(call, chain.env(), {}, TracerConfig())


def test_the_number_of_steps_in_a_trace_is_bounded(chain):
    """500,000 steps of the loop, three of 11 gas together, take 1.9 million of gas."""
    call = Call(address_of("alice"), chain.deploy(LOOP), gas=2_200_000)
    view, env = chain.view(), chain.env()
    with pytest.raises(TraceError, match="more than 500000 steps: set the option"):
        view.trace_call(call, env, {}, TracerConfig())
    lean = TracerConfig("", {"disableStack": True, "limit": 7})
    found = view.trace_call(call, env, {}, lean)
    assert (len(found["structLogs"]), found["failed"]) == (7, True)
    tree = view.trace_call(call, env, {}, TracerConfig("callTracer"))
    assert tree["error"] == "out of gas"


def test_an_unknown_state_is_named_by_its_digest(chain):
    with pytest.raises(UnknownState, match="0x0909"):
        chain.executor.view(Hash32(b"\t" * 32))


def write_blocks(directory: Path) -> tuple[list[bytes], bytes]:
    """Blocks that each add a slot to a contract; the contract's address."""
    genesis = genesis_for()
    chain = LocalChain(NativeExecutor(directory, genesis), genesis)
    at = chain.deploy(code(1, "NUMBER", "SSTORE"))
    while len(chain.blocks) < BLOCKS:
        nonce = len(chain.blocks)
        chain.add(Draft(at, nonce, gas=100_000, max_fee=10**12).sign("alice"))
    chain.executor.close()
    return chain.blocks, at


def run_and_kill(state: Path, list_file: Path, after_lines: int) -> int:
    """The height that the child last reported as durable."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(state), str(list_file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    durable = 0
    with child.stdout as lines:
        for count, line in enumerate(lines, 1):
            durable = int(line)
            if count == after_lines:
                child.kill()
                break
    assert child.wait() in (0, -signal.SIGKILL)
    return durable


@pytest.mark.parametrize(
    "kills", [4, pytest.param(60, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_killed_at_any_instant_it_opens_at_a_checkpoint(tmp_path, kills):
    blocks, at = write_blocks(tmp_path / "source")
    list_file = tmp_path / "blocks"
    list_file.write_text("\n".join(block.hex() for block in blocks))
    rng = random.Random(7)
    for _ in range(kills):
        lines = rng.randint(1, 2 * BLOCKS // kills)
        reported = run_and_kill(tmp_path / "state", list_file, lines)
        executor = NativeExecutor(tmp_path / "state", genesis_for())
        height, digest = executor.head
        assert height >= reported
        if height:
            assert digest == Block.decode(blocks[height - 1]).header.digest
        view = executor.view(digest)
        assert [view.slot(at, n) for n in range(2, height + 1)] == [1] * (height - 1)
        executor.close()
    executor = NativeExecutor(tmp_path / "state", genesis_for())
    for block in blocks[executor.head[0] :]:
        executor.commit(executor.execute(block).digest)
    assert executor.committed[1] == Block.decode(blocks[-1]).header.digest
    executor.close()


@pytest.mark.long
def test_a_state_too_far_back_is_refused_with_what_to_do():
    """An archive rewinds a million changes at most: no read takes all memory."""
    with opened("native", 512) as (grown, orders):
        executor = grown.engine.executor
        grown.fill(orders, 200_000)
        genesis = grown.genesis.digest
        assert executor.view(genesis).slot(ORDERS, FIRST_FILLED + 1) == 0
        grown.fill(orders, 1_020_000)
        with pytest.raises(UnknownState, match=r"block 0 lies too far back.*newer"):
            executor.view(genesis)
