"""Traces of transactions, blocks and calls: debug_trace*, with geth's tracers.

A transaction is traced by running its block again up to the end on its parent's state,
so the state must be kept ([storage] archive). How long that may take, and how long an
answer may be, is bounded by the executor.
"""

from collections.abc import Mapping
from typing import Any

from node.chain.block import Block
from node.execution.executor import (
    TOUCH_TRACER,
    BlockInvalid,
    TracerConfig,
    UnknownState,
)
from node.rpc.backend import Backend
from node.rpc.dispatch import Methods
from node.rpc.errors import invalid_params, server_error
from node.rpc.formats import hex_data
from node.rpc.lookup import env_of, env_on, find_block, require_state
from node.rpc.methods.overrides import override_env, parse_overrides
from node.rpc.methods.prestate import OPTIONS as PRESTATE_OPTIONS
from node.rpc.methods.prestate import prestate_of
from node.rpc.methods.state import parse_call
from node.rpc.params import BlockId, Params

NOT_OPTIONS = (
    "tracer",
    "tracerConfig",
    "timeout",
    "reexec",
    "stateOverrides",
    "blockOverrides",
    "txIndex",
)
"""What geth's configuration holds beside the struct logger's options."""
PRESTATE_TRACER = "prestateTracer"


class TracingMethods:
    """debug_traceTransaction, debug_traceCall, debug_traceBlockByNumber and ByHash."""

    def __init__(self, backend: Backend, gas_cap: int) -> None:
        self._backend = backend
        self._gas_cap = gas_cap

    def table(self) -> Methods:
        """Name -> handler."""
        return {
            "debug_traceTransaction": self.trace_transaction,
            "debug_traceCall": self.trace_call,
            "debug_traceBlockByNumber": self.trace_by_number,
            "debug_traceBlockByHash": self.trace_by_hash,
        }

    async def trace_transaction(self, raw: Any) -> Any:
        params = Params(raw, 2)
        place = self._backend.locate(params.hash(0))
        tracer = parse_tracer(params.object(1, optional=True))
        block = None if place is None else self._backend.block(place[0])
        if place is None or block is None:
            raise server_error("transaction not found")
        traces = await self._trace(block, tracer)
        return traces[place[1]]

    async def trace_by_number(self, raw: Any) -> list[dict[str, Any]]:
        params = Params(raw, 2)
        return await self._trace_block(params, params.block(0, default=None))

    async def trace_by_hash(self, raw: Any) -> list[dict[str, Any]]:
        params = Params(raw, 2)
        return await self._trace_block(params, BlockId(digest=params.hash(0)))

    async def _trace_block(
        self, params: Params, block_id: BlockId
    ) -> list[dict[str, Any]]:
        tracer = parse_tracer(params.object(1, optional=True))
        block = find_block(self._backend, block_id)
        if block is None:
            digest = block_id.digest
            named = hex_data(digest) if digest else f"#{block_id.number}"
            raise server_error(f"block {named} not found")
        if block.header.number == 0:
            raise server_error("genesis is not traceable")
        hashes = block.transaction_hashes()
        return [
            {"txHash": hex_data(transaction), "result": trace}
            for transaction, trace in zip(
                hashes, await self._trace(block, tracer), strict=True
            )
        ]

    async def _trace(self, block: Block, tracer: TracerConfig) -> list[Any]:
        parent = BlockId(digest=block.header.parent_hash)
        _, view = require_state(self._backend, parent)
        encoded = block.encode()
        try:
            answers = await self._backend.blocking(
                lambda: view.trace_block(encoded, asked_of_executor(tracer))
            )
        except (BlockInvalid, UnknownState) as error:
            raise server_error(f"the block cannot be run again: {error}") from None
        except ValueError as error:
            raise server_error(str(error)) from None
        return [answer_of(tracer, answer) for answer in answers]

    async def trace_call(self, raw: Any) -> Any:
        """[call, block, {tracer, tracerConfig, stateOverrides, blockOverrides}]"""
        params = Params(raw, 3)
        call = parse_call(params.object(0), self._gas_cap)
        block_id = params.block(1)
        header, view = require_state(self._backend, block_id)
        options = params.object(2, optional=True)
        tracer = parse_tracer(options)
        overrides = parse_overrides(_object(options, "stateOverrides"))
        is_pending = block_id.tag == "pending"
        env = env_on(self._backend, header) if is_pending else env_of(header)
        env = override_env(env, _object(options, "blockOverrides"))
        try:
            answer = await self._backend.blocking(
                lambda: view.trace_call(call, env, overrides, asked_of_executor(tracer))
            )
        except ValueError as error:
            raise server_error(str(error)) from None
        return answer_of(tracer, answer)


def asked_of_executor(tracer: TracerConfig) -> TracerConfig:
    """What the executor is to run for a tracer."""
    is_prestate = tracer.name == PRESTATE_TRACER
    return TracerConfig(TOUCH_TRACER) if is_prestate else tracer


def answer_of(tracer: TracerConfig, answer: Any) -> Any:
    """The tracer's answer, from the executor's."""
    if tracer.name == PRESTATE_TRACER:
        return prestate_of(answer, tracer.options)
    return answer


def parse_tracer(options: Mapping[str, Any]) -> TracerConfig:
    """Which tracer, and its options. Raises RpcError."""
    name = options.get("tracer") or ""
    if not isinstance(name, str):
        raise invalid_params("invalid tracer: expected a name")
    if name == PRESTATE_TRACER:
        return TracerConfig(name, _prestate_options(options))
    if name:
        return TracerConfig(name, _object(options, "tracerConfig"))
    plain = {key: value for key, value in options.items() if key not in NOT_OPTIONS}
    for key, value in plain.items():
        if key == "limit":
            if not isinstance(value, int) or value < 0:
                raise invalid_params("invalid limit: expected a number of steps")
        elif not isinstance(value, bool):
            raise invalid_params(f"invalid {key}: expected a boolean")
    return TracerConfig("", plain)


def _prestate_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    chosen = _object(options, "tracerConfig")
    for name in PRESTATE_OPTIONS:
        if not isinstance(chosen.get(name, False), bool):
            raise invalid_params(f"invalid {name}: expected a boolean")
    if chosen.get("diffMode") and chosen.get("includeEmpty"):
        raise invalid_params("cannot use diffMode with includeEmpty")
    return chosen


def _object(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = options.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise invalid_params(f"invalid {name}: expected an object")
    return found
