"""Which executor a node runs: the fast one where it is installed, else the reference.

Both are imported only when they are chosen: a node on the native executor works without
py-evm, and one on py-evm without a Rust toolchain.
"""

from importlib.util import find_spec
from pathlib import Path

from node.chain.genesis import Genesis
from node.execution.executor import Executor
from node.execution.settings import StateSettings

KINDS = ("auto", "native", "pyevm")
NATIVE_DISTRIBUTION = "chandlery_native"


class ExecutorUnavailable(Exception):
    """The executor that was asked for is not installed; says how to get it."""

    exit_code = 2


def open_executor(
    kind: str,
    directory: Path,
    genesis: Genesis,
    verify_with: str = "",
    settings: StateSettings | None = None,
) -> Executor:
    """Open the state in a directory of its own for each kind.

    `kind` is one of KINDS, `verify_with` empty or a kind that runs beside it. Raises
    ExecutorUnavailable and ExecutorFailed.
    """
    chosen = choose(kind)
    settings = settings or StateSettings()
    executor = _open(chosen, directory / chosen, genesis, settings)
    if not verify_with:
        return executor
    from node.execution.verifying import VerifyingExecutor

    second = choose(verify_with)
    if second == chosen:
        executor.close()
        raise ExecutorUnavailable(
            f"the executor {chosen} cannot verify itself: name another to verify with"
        )
    other = _open(second, directory / second, genesis, settings)
    return VerifyingExecutor(executor, other)


def choose(kind: str) -> str:
    """The kind that "auto" stands for here. Raises ExecutorUnavailable."""
    if kind not in KINDS:
        raise ExecutorUnavailable(
            f"unknown executor {kind!r}: choose one of {', '.join(KINDS)}"
        )
    if kind == "auto":
        return "native" if find_spec(NATIVE_DISTRIBUTION) else "pyevm"
    if kind == "native" and find_spec(NATIVE_DISTRIBUTION) is None:
        raise ExecutorUnavailable(
            "the native executor is not installed: install a Rust toolchain and run "
            "`pip install ./node/execution/rust`, or choose the executor pyevm"
        )
    if kind == "pyevm" and find_spec("eth") is None:
        raise ExecutorUnavailable(
            "py-evm is not installed: `pip install py-evm`, or choose native"
        )
    return kind


def _open(
    kind: str, directory: Path, genesis: Genesis, settings: StateSettings
) -> Executor:
    if kind == "native":
        from node.execution.native import NativeExecutor

        native: Executor = NativeExecutor(directory, genesis, settings)
        return native
    from node.execution.pyevm import PyEvmExecutor

    return PyEvmExecutor(directory, genesis, settings=settings)
