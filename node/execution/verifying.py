"""Two executors side by side: the node halts on the first difference.

The first one answers; the second runs every block again, the own ones too, and
decodes every transaction again. Views are those of the first. After a crash the two
may stand at different heights: `head` is the lower one, and while the node replays, a
block that one of them has already committed is run by the other alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TypeVar

from node.chain.block import Block
from node.chain.header import Header
from node.execution.executor import (
    BlockEnv,
    BlockInvalid,
    BuildLimits,
    BuiltBlock,
    Executed,
    Executor,
    ExecutorFailed,
    StateView,
    TxError,
    TxInfo,
)
from node.primitives.rlp import RlpError
from node.primitives.types import Hash32

VERIFYING_FACTOR = 2
"""How much longer than a build its verification may take."""

T = TypeVar("T")


class ExecutorsDisagree(ExecutorFailed):
    """The two executors gave different results; the message is the report."""

    exit_code = 3


class VerifyingExecutor:
    """See the module's docstring."""

    def __init__(self, first: Executor, second: Executor) -> None:
        self._first = first
        self._second = second
        self._heights = (first.head[0], second.head[0])
        self.name = f"{first.name}, verified with {second.name}"

    @property
    def head(self) -> tuple[int, Hash32]:
        """The lower of the two heads."""
        return min(self._first.head, self._second.head)

    def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
        """See Executor. Raises ExecutorsDisagree."""
        answers = self._first.recover(raws)
        others = self._second.recover(raws)
        for raw, ours, theirs in zip(raws, answers, others, strict=True):
            if _without_message(ours) != _without_message(theirs):
                self._disagree(f"the transaction 0x{raw.hex()}", ours, theirs)
        return answers

    def build(
        self, parent: Header, env: BlockEnv, raws: Sequence[bytes], limits: BuildLimits
    ) -> BuiltBlock:
        """See Executor. Raises ExecutorsDisagree, and ExecutionTimeout for a block that
        takes the second one much longer than a build may: offer it less."""
        built = self._first.build(parent, env, raws, limits)
        time_ms = VERIFYING_FACTOR * limits.time_ms
        theirs = _outcome(lambda: self._second.execute(built.block, time_ms))
        self._compare(f"the block built at {env.number}", built.executed, theirs)
        return built

    def execute(self, block: bytes, time_ms: int | None = None) -> Executed:
        """See Executor: each has the time. Raises ExecutorsDisagree."""
        number = _number_of(block)
        if number <= self._heights[0]:
            return self._second.execute(block, time_ms)
        ours = _outcome(lambda: self._first.execute(block, time_ms))
        if number > self._heights[1]:
            theirs = _outcome(lambda: self._second.execute(block, time_ms))
            self._compare(f"block {number}", ours, theirs)
        if isinstance(ours, BlockInvalid):
            raise ours
        return ours

    def commit(self, digest: Hash32) -> None:
        """See Executor."""
        self._first.commit(digest)
        self._second.commit(digest)

    def discard(self, digest: Hash32) -> None:
        """See Executor."""
        self._first.discard(digest)
        self._second.discard(digest)

    def view(self, digest: Hash32) -> StateView:
        """The first executor's view."""
        return self._first.view(digest)

    def close(self) -> None:
        """Close both."""
        self._first.close()
        self._second.close()

    def _compare(
        self, what: str, ours: Executed | BlockInvalid, theirs: Executed | BlockInvalid
    ) -> None:
        if isinstance(ours, Executed) and isinstance(theirs, Executed):
            if ours != theirs:
                self._disagree(what, *_difference(ours, theirs))
        elif isinstance(ours, Executed) or isinstance(theirs, Executed):
            self._disagree(what, _verdict(ours), _verdict(theirs))

    def _disagree(self, what: str, ours: object, theirs: object) -> None:
        raise ExecutorsDisagree(
            f"the executors disagree on {what}: {self._first.name} says {ours}; "
            f"{self._second.name} says {theirs}; the node has halted and kept its "
            "data: report this with the block"
        )


def _outcome(run: Callable[[], T]) -> T | BlockInvalid:
    try:
        return run()
    except BlockInvalid as error:
        return error


def _verdict(result: Executed | BlockInvalid) -> str:
    if isinstance(result, Executed):
        return f"valid, state root 0x{result.state_root.hex()}"
    return f"invalid: {result}"


def _without_message(answer: TxInfo | TxError) -> object:
    return (answer.hash, answer.kind) if isinstance(answer, TxError) else answer


def _difference(ours: Executed, theirs: Executed) -> tuple[str, str]:
    """The first field that differs, as each has it."""
    for item in fields(Executed):
        a, b = getattr(ours, item.name), getattr(theirs, item.name)
        if a == b:
            continue
        if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
            at = next(
                i for i, pair in enumerate(zip(a, b, strict=True)) if pair[0] != pair[1]
            )
            return (
                f"{item.name}[{at}] {_show(a[at])}",
                f"{item.name}[{at}] {_show(b[at])}",
            )
        return f"{item.name} {_show(a)}", f"{item.name} {_show(b)}"
    return "", ""


def _show(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _number_of(block: bytes) -> int:
    try:
        return Block.decode(block).header.number
    except (RlpError, ValueError) as error:
        raise BlockInvalid(f"the block is not decodable: {error}") from error
