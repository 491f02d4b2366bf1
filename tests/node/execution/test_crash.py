"""Killed with -9 at any instant, the state opens at a committed block and goes on.

A child process commits blocks of a known list and reports each; it is killed at moments
drawn from a seed, many of them inside a flush, because the child flushes every block.
"""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.chain.block import Block
from node.execution.pyevm import PyEvmExecutor
from tests.node.execution.assembler import code
from tests.node.execution.local_chain import LocalChain, genesis_for
from tests.node.execution.signing import Draft, address_of

BLOCKS = 100
CHILD = """
import sys
from pathlib import Path
from node.execution.reference import store
from node.execution.pyevm import PyEvmExecutor
from tests.node.execution.local_chain import genesis_for

store.FLUSH_BLOCKS = 2
executor = PyEvmExecutor(Path(sys.argv[1]), genesis_for())
blocks = Path(sys.argv[2]).read_text().split()
for block in blocks[executor.head[0]:]:
    executed = executor.execute(bytes.fromhex(block))
    executor.commit(executed.digest)
    print(executor.head[0], flush=True)
"""


def write_blocks(directory: Path) -> tuple[list[bytes], bytes]:
    """Blocks that each add a slot to a contract; the contract's address."""
    genesis = genesis_for()
    executor = PyEvmExecutor(directory, genesis)
    chain = LocalChain(executor, genesis)
    at = chain.deploy(code(1, "NUMBER", "SSTORE"))
    while len(chain.blocks) < BLOCKS:
        nonce = len(chain.blocks)
        chain.add(Draft(at, nonce, gas=100_000, max_fee=10**12).sign("alice"))
    executor.close()
    return chain.blocks, at


def run_and_kill(state: Path, list_file: Path, after_lines: int) -> tuple[int, bool]:
    """(the head that the child last reported as durable, whether it was killed)."""
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
    return durable, child.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    "kills", [4, pytest.param(60, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_kill_at_any_instant_keeps_what_was_durable(tmp_path, kills):
    blocks, at = write_blocks(tmp_path / "source")
    list_file = tmp_path / "blocks"
    list_file.write_text("\n".join(block.hex() for block in blocks))
    rng = random.Random(7)
    hits = 0
    for _ in range(kills):
        lines = rng.randint(1, 2 * BLOCKS // kills)
        reported, killed = run_and_kill(tmp_path / "state", list_file, lines)
        hits += killed
        executor = PyEvmExecutor(tmp_path / "state", genesis_for())
        height, digest = executor.head
        assert height >= reported
        header = Block.decode(blocks[height - 1]).header if height else None
        assert header is None or header.digest == digest
        view = executor.view(digest)
        assert [view.slot(at, n) for n in range(2, height + 1)] == [1] * (height - 1)
        executor.close()
    assert hits >= kills // 2
    finish(tmp_path / "state", blocks)


def finish(state: Path, blocks: list[bytes]) -> None:
    """The rest of the blocks still executes to its roots."""
    executor = PyEvmExecutor(state, genesis_for())
    for block in blocks[executor.head[0] :]:
        executor.commit(executor.execute(block).digest)
    final = Block.decode(blocks[-1]).header.digest
    assert executor.view(final).nonce(address_of("alice")) == len(blocks)
    executor.close()
