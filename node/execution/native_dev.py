"""The fast executor of a dev chain: in memory, with state writes and undo.

`chandlery_native.DevExecutor` keeps one layer for each block and each edit; to rewind
is to take layers off. See `node.execution.dev` for what is asked of it.
"""

import json
from collections.abc import Mapping

import chandlery_native

from node.chain.genesis import Genesis, GenesisAccount
from node.execution.executor import AccountOverride, ExecutorFailed
from node.execution.native import NativeExecutor, native_overrides
from node.primitives.types import Address


class NativeDevExecutor(NativeExecutor):
    """See `node.execution.dev.DevExecutor`."""

    def __init__(self, genesis: Genesis) -> None:
        """Begin in memory. Raises ExecutorFailed."""
        encoded = json.dumps(genesis.to_json()).encode()
        header = genesis.header.encoded
        try:
            self._native = chandlery_native.DevExecutor(encoded, header)
        except (chandlery_native.Usage, chandlery_native.Broken) as error:
            raise ExecutorFailed(str(error)) from error

    def edit(self, changes: Mapping[Address, AccountOverride]) -> None:
        """See DevExecutor."""
        try:
            self._native.edit(native_overrides(changes))
        except chandlery_native.Broken as error:
            raise ExecutorFailed(str(error)) from error

    def mark(self) -> int:
        """See DevExecutor."""
        return int(self._native.mark())

    def rewind(self, mark: int) -> None:
        """See DevExecutor. Free for the newest thousand states; further back the time
        follows what was changed since."""
        try:
            self._native.rewind(mark)
        except chandlery_native.Broken as error:
            raise ExecutorFailed(str(error)) from error

    @property
    def held(self) -> tuple[int, int, int]:
        """How many layers, names of hashes, and codes there are."""
        layers, names, codes = self._native.held
        return layers, names, codes

    def dump(self) -> dict[Address, GenesisAccount]:
        """See DevExecutor."""
        try:
            found = self._native.dump()
        except chandlery_native.Broken as error:
            raise ExecutorFailed(str(error)) from error
        return {
            at: GenesisAccount(balance, nonce, code, dict(slots))
            for at, nonce, balance, code, slots in found
        }

    def set_chain_id(self, chain_id: int) -> None:
        """See DevExecutor."""
        self._native.set_chain_id(chain_id)
