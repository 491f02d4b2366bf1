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
from node.primitives.types import Hash32
from node.rpc.backend import Head
from node.rpc.formats import contract_address
from node.rpc.methods.state import revert_reason

log = logging.getLogger("chandlery.dev")

CALL_TRACER = TracerConfig("callTracer", {"onlyTopCall": False})


class Report:
    """Listens to the chain while logging is on and somebody reads it."""

    def __init__(self, backend: DevBackend, cheats: CheatMethods) -> None:
        self._backend = backend
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
        except (UnknownState, ValueError):
            return  # reverted meanwhile, or too long a run to trace
        for at, trace in enumerate(traces):
            if trace.get("error"):
                log.info("  0x%s: %s", hashes[at].hex(), failure_of(trace))


def failure_of(trace: dict[str, Any]) -> str:
    """Why a traced call failed: decoded, and in which contract it began."""
    where = trace
    while True:
        failed = [call for call in where.get("calls", ()) if call.get("error")]
        if not failed:
            break
        where = failed[-1]
    output = bytes.fromhex(str(trace.get("output", "0x"))[2:])
    reason = revert_reason(output) or _selector(output)
    text = f"{trace['error']}: {reason}" if reason else str(trace["error"])
    return f"{text} (in {where.get('to', 'a creation')})"


def _selector(output: bytes) -> str:
    """A custom error: its selector and arguments as they are."""
    return f"custom error 0x{output[:4].hex()} {output[4:].hex()}" if output else ""
