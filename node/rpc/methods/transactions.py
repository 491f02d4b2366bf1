"""Giving transactions to the node, waiting for their receipts, looking at the pool."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from node.chain.transaction import decode_transaction
from node.primitives.types import Address, Hash32
from node.rpc.backend import Backend, Head, PooledTransaction, Refusal
from node.rpc.dispatch import BulkHandler, Methods
from node.rpc.errors import TIMEOUT, RpcError, server_error
from node.rpc.formats import WAITING, hex_data, transaction_json
from node.rpc.params import Params

DEFAULT_RECEIPT_TIMEOUT_MS = 30_000
MAX_RECEIPT_TIMEOUT_MS = 300_000
MAX_RECEIPT_WAITERS = 10_000

GetReceipt = Callable[[Hash32], Awaitable[dict[str, Any] | None]]


class TransactionMethods:
    """eth_sendRawTransaction(Sync) and txpool_*."""

    def __init__(self, backend: Backend, receipt: GetReceipt) -> None:
        self._backend = backend
        self._receipt = receipt
        self._waiters: dict[Hash32, list[asyncio.Future[None]]] = defaultdict(list)
        self.stop = backend.on_head(self._on_head)

    def table(self) -> Methods:
        """Name -> handler."""
        return {
            "eth_sendRawTransaction": self.send_raw,
            "eth_sendRawTransactionSync": self.send_raw_sync,
            "txpool_status": self.status,
            "txpool_content": self.content,
            "txpool_contentFrom": self.content_from,
            "txpool_inspect": self.inspect,
        }

    def bulk(self) -> Mapping[str, BulkHandler]:
        """Name -> handler of many requests at once."""
        return {"eth_sendRawTransaction": self.send_raw_many}

    async def send_raw(self, raw: Any) -> str:
        return hex_data(await self._submit(Params(raw, 1).data(0)))

    async def send_raw_many(self, raws: list[Any]) -> list[Any]:
        answers: list[Any] = []
        transactions: list[bytes] = []
        for raw in raws:
            try:
                transactions.append(Params(raw, 1).data(0))
                answers.append(None)
            except RpcError as error:
                answers.append(error)
        submitted = iter(await self._backend.submit(transactions))
        return [
            _answer(next(submitted)) if answer is None else answer for answer in answers
        ]

    async def send_raw_sync(self, raw: Any) -> dict[str, Any]:
        """EIP-7966: answers with the final receipt, or error 4 with the hash."""
        params = Params(raw, 2)
        timeout_ms = DEFAULT_RECEIPT_TIMEOUT_MS
        if params.raw(1) is not None:
            timeout_ms = params.quantity(1, MAX_RECEIPT_TIMEOUT_MS)
        if len(self._waiters) >= MAX_RECEIPT_WAITERS:
            raise server_error(f"more than {MAX_RECEIPT_WAITERS} clients wait already")
        submitted = await self._submit(params.data(0))
        final: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[submitted].append(final)
        try:
            # It may have become final between admission and here.
            if self._backend.locate(submitted) is None:
                await asyncio.wait_for(final, timeout_ms / 1000)
            receipt = await self._receipt(submitted)
        except TimeoutError:
            raise RpcError(
                TIMEOUT,
                f"the transaction was accepted but is not final after {timeout_ms} ms",
                hex_data(submitted),
            ) from None
        finally:
            self._forget(submitted, final)
        if receipt is None:
            raise server_error("the receipt is not indexed yet; ask for it by hash")
        return receipt

    async def _submit(self, transaction: bytes) -> Hash32:
        [answer] = await self._backend.submit([transaction])
        if isinstance(answer, Refusal):
            raise server_error(answer.message)
        return answer

    def _on_head(self, head: Head) -> None:
        if not self._waiters:
            return
        for transaction_hash in head.block.transaction_hashes():
            for waiter in self._waiters.get(transaction_hash, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def _forget(self, wanted: Hash32, waiter: asyncio.Future[None]) -> None:
        self._waiters[wanted].remove(waiter)
        if not self._waiters[wanted]:
            del self._waiters[wanted]

    async def status(self, raw: Any) -> dict[str, str]:
        Params(raw, 0)
        content = self._backend.pool_content()
        executable = sum(1 for entry in content if entry.executable)
        return {"pending": hex(executable), "queued": hex(len(content) - executable)}

    async def content(self, raw: Any) -> dict[str, Any]:
        Params(raw, 0)
        return self._grouped(self._backend.pool_content(), _whole)

    async def inspect(self, raw: Any) -> dict[str, Any]:
        Params(raw, 0)
        return self._grouped(self._backend.pool_content(), _summary)

    async def content_from(self, raw: Any) -> dict[str, Any]:
        sender = Params(raw, 1).address(0)
        entries = [e for e in self._backend.pool_content() if e.info.sender == sender]
        grouped = self._grouped(entries, _whole)
        return {kind: rows.get(hex_data(sender), {}) for kind, rows in grouped.items()}

    def _grouped(
        self, entries: list[PooledTransaction], show: Callable[[PooledTransaction], Any]
    ) -> dict[str, Any]:
        answer: dict[str, dict[str, dict[str, Any]]] = {"pending": {}, "queued": {}}
        for entry in entries:
            rows = answer["pending" if entry.executable else "queued"]
            by_nonce = rows.setdefault(hex_data(entry.info.sender), {})
            by_nonce[str(entry.info.nonce)] = show(entry)
        return answer


def _answer(submitted: Hash32 | Refusal) -> str | RpcError:
    if isinstance(submitted, Refusal):
        return server_error(submitted.message)
    return hex_data(submitted)


def _whole(entry: PooledTransaction) -> dict[str, Any]:
    transaction = decode_transaction(entry.raw)
    return transaction_json(transaction, entry.info.sender, WAITING, None)


def _summary(entry: PooledTransaction) -> str:
    transaction = decode_transaction(entry.raw)
    to: Address | None = transaction.to
    where = hex_data(to) if to else "contract creation"
    return (
        f"{where}: {transaction.value} wei + {transaction.gas_limit} gas "
        f"× {transaction.max_fee} wei"  # noqa: RUF001  (geth's own sign)
    )
