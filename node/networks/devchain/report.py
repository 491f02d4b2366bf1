"""The log of a dev chain: one line for each transaction, with why it failed."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from node.chain.receipt import decode_receipt, gas_used_each
from node.chain.transaction import decode_transaction
from node.execution.executor import TracerConfig, UnknownState
from node.networks.devchain.backend import DevBackend
from node.networks.devchain.methods.cheats import CheatMethods
from node.networks.devchain.sources.vyper import Sources, last_counters
from node.primitives.types import Address, Hash32
from node.rpc.backend import Head
from node.rpc.formats import contract_address
from node.rpc.methods.state import revert_reason

log = logging.getLogger("chandlery.dev")

CALL_TRACER = TracerConfig("callTracer", {"onlyTopCall": False})
PLAIN_STEPS = TracerConfig("", {"disableStack": True, "disableStorage": True})


class Report:
    """Listens to the chain while logging is on and somebody reads it."""

    def __init__(
        self, backend: DevBackend, cheats: CheatMethods, sources: Sources
    ) -> None:
        self._backend = backend
        self._sources = sources
        self._cheats = cheats
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = backend.on_head(self._on_head)

    def stop(self) -> None:
        """Write nothing more."""
        self._stop()
        for task in self._tasks:
            task.cancel()

    def _on_head(self, head: Head) -> None:
        if not self._cheats.is_logging or not log.isEnabledFor(logging.INFO):
            return
        block, header = head.block, head.block.header
        receipts = [decode_receipt(raw) for raw in head.receipts]
        lines = [
            f"block {header.number}: {len(receipts)} transactions, {header.gas_used} "
            f"gas, base fee {header.base_fee_per_gas} wei"
        ]
        sealed = self._backend.chain.sealed[header.number]
        for at, gas in enumerate(gas_used_each(receipts)):
            tx, sender = decode_transaction(block.transactions[at]), sealed.senders[at]
            target = tx.to or contract_address(sender, tx.nonce)
            lines.append(
                f"  0x{sealed.hashes[at].hex()} "
                f"{'ok' if receipts[at].succeeded else 'FAILED'}: 0x{sender.hex()} "
                f"{'->' if tx.to else 'creates'} 0x{target.hex()}, {gas} gas"
            )
        # One record: each costs more than everything that is said in it.
        log.info("%s", "\n".join(lines))
        if any(not receipt.succeeded for receipt in receipts):
            explain = self._explain(head, sealed.hashes)
            task = asyncio.get_running_loop().create_task(explain)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _explain(self, head: Head, hashes: Sequence[Hash32]) -> None:
        block = head.block
        try:
            view = self._backend.view(block.header.parent_hash)
            traces = await self._backend.blocking(
                lambda: view.trace_block(block.encode(), CALL_TRACER)
            )
            steps: list[Any] = [None] * len(traces)
            if self._sources:
                steps = await self._backend.blocking(
                    lambda: view.trace_block(block.encode(), PLAIN_STEPS)
                )
        except (UnknownState, ValueError):
            return  # reverted meanwhile, or too long a run to trace
        for at, trace in enumerate(traces):
            if trace.get("error"):
                log.info("  0x%s: %s", hashes[at].hex(), failure_of(trace))
                line = self._line(head, trace, steps[at])
                if line:
                    log.info("    %s", line)

    def _line(self, head: Head, trace: dict[str, Any], steps: Any) -> str | None:
        """The line of the source at which it began, where the source is known."""
        if steps is None:
            return None
        where, depth = origin_of(trace)
        counters = last_counters(steps["structLogs"], depth)
        if not counters or "to" not in where:
            return None
        try:
            view = self._backend.view(head.block.digest)
        except UnknownState:
            return None
        code = view.code(Address(bytes.fromhex(where["to"][2:])))
        return self._sources.line_of(code, counters)


def origin_of(trace: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The call in which a failure began, and how deep below the top it is."""
    where, depth = trace, 0
    while True:
        failed = [call for call in where.get("calls", ()) if call.get("error")]
        if not failed:
            return where, depth
        where, depth = failed[-1], depth + 1


def failure_of(trace: dict[str, Any]) -> str:
    """Why a traced call failed: decoded, and in which contract it began."""
    where, _ = origin_of(trace)
    output = bytes.fromhex(str(trace.get("output", "0x"))[2:])
    reason = revert_reason(output) or _selector(output)
    text = f"{trace['error']}: {reason}" if reason else str(trace["error"])
    return f"{text} (in {where.get('to', 'a creation')})"


def _selector(output: bytes) -> str:
    """A custom error: its selector and arguments as they are."""
    return f"custom error 0x{output[:4].hex()} {output[4:].hex()}" if output else ""
