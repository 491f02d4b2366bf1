"""The executors under measurement, and the CPU time that each phase of theirs took.

The native one accounts for its phases itself, its background thread included. py-evm
runs on the caller's thread, so that its calls are timed from outside; within a build
what `Execution.finish` takes is the roots'.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from node.chain.genesis import Genesis
from node.chain.header import Header
from node.execution.executor import (
    BlockEnv,
    BuildLimits,
    BuiltBlock,
    Executor,
    TxError,
    TxInfo,
)
from node.execution.settings import StateSettings
from node.primitives.types import Hash32

PHASES = ("recover", "execute", "roots", "persist")


class Engine(Protocol):
    """An executor that knows what its phases cost."""

    executor: Executor

    def spent_ns(self) -> dict[str, int]:
        """CPU nanoseconds so far, by PHASES."""
        ...

    def flush(self) -> None:
        """Make everything committed durable."""
        ...


class NativeEngine:
    """chandlery_native on one thread."""

    def __init__(self, folder: Path, genesis: Genesis, memory_bytes: int) -> None:
        from node.execution.native import NativeExecutor

        settings = StateSettings(threads=1, memory_bytes=memory_bytes)
        self._native = NativeExecutor(folder, genesis, settings)
        self.executor: Executor = self._native

    def spent_ns(self) -> dict[str, int]:
        """See Engine."""
        import chandlery_native

        spent = dict(chandlery_native.phases())
        spent["persist"] = spent.pop("commit") + spent.pop("checkpoint")
        return spent

    def flush(self) -> None:
        """See Engine."""
        self._native.flush()

    @property
    def resident_bytes(self) -> int:
        """What pages of the state take in memory."""
        return self._native.memory[0]


class PyEvmEngine:
    """The reference executor."""

    def __init__(self, folder: Path, genesis: Genesis, memory_bytes: int) -> None:
        from node.execution.pyevm import PyEvmExecutor
        from node.execution.reference.store import StateStore

        self._spent = dict.fromkeys(PHASES, 0)
        self._store = StateStore(folder, genesis.digest)
        spend = self._spend

        class Timed(PyEvmExecutor):
            """Adds up what its calls take."""

            def recover(self, raws: Sequence[bytes]) -> list[TxInfo | TxError]:
                with spend("recover"):
                    return super().recover(raws)

            def build(
                self,
                parent: Header,
                env: BlockEnv,
                raws: Sequence[bytes],
                limits: BuildLimits,
            ) -> BuiltBlock:
                with spend("execute"):
                    return super().build(parent, env, raws, limits)

            def commit(self, digest: Hash32) -> None:
                with spend("persist"):
                    super().commit(digest)

            def _begin_block(self, *arguments: Any) -> Any:
                execution = super()._begin_block(*arguments)
                finish = execution.finish

                def timed(parent_extra: bytes) -> Any:
                    with spend("roots", "execute"):
                        return finish(parent_extra)

                execution.finish = timed  # type: ignore[method-assign]
                return execution

        self.executor: Executor = Timed(folder, genesis, self._store)

    def spent_ns(self) -> dict[str, int]:
        """See Engine."""
        return dict(self._spent)

    def flush(self) -> None:
        """See Engine."""
        with self._spend("persist"):
            self._store.flush()

    def _spend(self, phase: str, instead_of: str = "") -> "_Span":
        return _Span(self._spent, phase, instead_of)


class _Span:
    """Time that goes to one phase, and not to the one it lies in."""

    def __init__(self, spent: dict[str, int], phase: str, instead_of: str) -> None:
        self._spent = spent
        self._phase = phase
        self._instead_of = instead_of
        self._began_ns = 0

    def __enter__(self) -> None:
        self._began_ns = time.process_time_ns()

    def __exit__(self, *_: object) -> None:
        took = time.process_time_ns() - self._began_ns
        self._spent[self._phase] += took
        if self._instead_of:
            self._spent[self._instead_of] -= took


ENGINES: dict[str, type[NativeEngine] | type[PyEvmEngine]] = {
    "native": NativeEngine,
    "pyevm": PyEvmEngine,
}
