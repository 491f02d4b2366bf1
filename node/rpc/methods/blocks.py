"""Blocks, transactions and receipts that are final, and the fee history."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import orjson

from node.chain.block import Block
from node.chain.header import Header
from node.chain.receipt import (
    cumulative_gas,
    decode_receipt,
    gas_used_each,
    log_count,
)
from node.chain.transaction import decode_transaction
from node.execution.receipts import encoded_receipts
from node.primitives.types import Address, Hash32
from node.rpc.backend import Backend
from node.rpc.dispatch import Methods
from node.rpc.errors import invalid_params, server_error
from node.rpc.formats import (
    WAITING,
    Before,
    block_json,
    hex_data,
    places_of,
    receipt_json,
    receipts_json,
    transaction_json,
)
from node.rpc.lookup import PerBlock, find_block, number_of, require_block
from node.rpc.params import BlockId, Params

MAX_FEE_HISTORY_BLOCKS = 1_024
MAX_PERCENTILES = 100
Receipts: TypeAlias = list[dict[str, Any]] | orjson.Fragment | None
FEW_SIGNATURES = 2
"""So many are recovered sooner than a thread is woken."""


class BlockMethods:
    """eth_getBlock*, eth_getTransaction*, receipts, eth_feeHistory."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known_senders: PerBlock[list[Address]] = PerBlock()
        self._log_starts: PerBlock[list[int]] = PerBlock()
        self._paid: PerBlock[list[tuple[int, int]]] = PerBlock()

    def table(self) -> Methods:
        """Name -> handler."""
        return {
            "eth_blockNumber": self.block_number,
            "eth_getBlockByNumber": self.get_block,
            "eth_getBlockByHash": self.get_block_by_hash,
            "eth_getBlockTransactionCountByNumber": self.count_by_number,
            "eth_getBlockTransactionCountByHash": self.count_by_hash,
            "eth_getUncleCountByBlockNumber": self.uncle_count_by_number,
            "eth_getUncleCountByBlockHash": self.uncle_count_by_hash,
            "eth_getUncleByBlockNumberAndIndex": self.no_uncle,
            "eth_getUncleByBlockHashAndIndex": self.no_uncle,
            "eth_getTransactionByHash": self.get_transaction,
            "eth_getTransactionByBlockNumberAndIndex": self.by_number_and_index,
            "eth_getTransactionByBlockHashAndIndex": self.by_hash_and_index,
            "eth_getRawTransactionByHash": self.get_raw_transaction,
            "eth_getTransactionReceipt": self.get_receipt,
            "eth_getBlockReceipts": self.get_block_receipts,
            "eth_feeHistory": self.fee_history,
            "debug_getRawBlock": self.raw_block,
            "debug_getRawHeader": self.raw_header,
            "debug_getRawReceipts": self.raw_receipts,
            "debug_getRawTransaction": self.get_raw_transaction,
        }

    async def block_number(self, raw: Any) -> str:
        Params(raw, 0)
        return hex(self._backend.head().number)

    async def get_block(self, raw: Any) -> dict[str, Any] | None:
        params = Params(raw, 2)
        block_id = params.block(0, default=None)
        block = find_block(self._backend, block_id)
        if block is None:
            return None
        answer = await self._block(block, params.flag(1))
        if block_id.tag == "pending":
            answer.update(hash=None, nonce=None, miner=None)
        return answer

    async def get_block_by_hash(self, raw: Any) -> dict[str, Any] | None:
        params = Params(raw, 2)
        block = find_block(self._backend, BlockId(digest=params.hash(0)))
        return None if block is None else await self._block(block, params.flag(1))

    async def _block(self, block: Block, full: bool) -> dict[str, Any]:
        senders = await self._senders(block.transactions) if full else None
        return block_json(block, senders)

    async def _senders(self, raws: Sequence[bytes]) -> list[Address]:
        backend = self._backend
        if len(raws) <= FEW_SIGNATURES:
            return backend.senders(raws)
        return await backend.blocking(lambda: backend.senders(raws))

    async def count_by_number(self, raw: Any) -> str | None:
        return self._count(Params(raw, 1).block(0, default=None))

    async def count_by_hash(self, raw: Any) -> str | None:
        return self._count(BlockId(digest=Params(raw, 1).hash(0)))

    def _count(self, block_id: BlockId) -> str | None:
        block = find_block(self._backend, block_id)
        return None if block is None else hex(len(block.transactions))

    async def uncle_count_by_number(self, raw: Any) -> str | None:
        found = find_block(self._backend, Params(raw, 1).block(0, default=None))
        return None if found is None else "0x0"

    async def uncle_count_by_hash(self, raw: Any) -> str | None:
        found = find_block(self._backend, BlockId(digest=Params(raw, 1).hash(0)))
        return None if found is None else "0x0"

    async def no_uncle(self, raw: Any) -> None:
        """There are no uncles on this chain."""
        Params(raw, 2)

    async def get_transaction(self, raw: Any) -> dict[str, Any] | None:
        wanted = Params(raw, 1).hash(0)
        found = self._backend.locate(wanted)
        if found is not None:
            return await self._at(*found)
        waiting = self._backend.pooled(wanted)
        if waiting is None:
            return None
        transaction = decode_transaction(waiting.raw)
        return transaction_json(transaction, waiting.info.sender, WAITING, None)

    async def by_number_and_index(self, raw: Any) -> dict[str, Any] | None:
        params = Params(raw, 2)
        return await self._by_index(params.block(0, default=None), params.quantity(1))

    async def by_hash_and_index(self, raw: Any) -> dict[str, Any] | None:
        params = Params(raw, 2)
        return await self._by_index(BlockId(digest=params.hash(0)), params.quantity(1))

    async def _by_index(self, block_id: BlockId, at: int) -> dict[str, Any] | None:
        number = number_of(self._backend, block_id)
        return None if number is None else await self._at(number, at)

    async def _at(self, number: int, position: int) -> dict[str, Any] | None:
        block = self._backend.block(number)
        if block is None or position >= len(block.transactions):
            return None
        raw = block.transactions[position]
        [sender] = await self._senders([raw])
        place = places_of(block)[position]
        return transaction_json(decode_transaction(raw), sender, place, block.header)

    async def get_raw_transaction(self, raw: Any) -> str | None:
        wanted = Params(raw, 1).hash(0)
        found = self._backend.locate(wanted)
        block = self._backend.block(found[0]) if found else None
        if found is not None and block is not None:
            return hex_data(block.transactions[found[1]])
        waiting = self._backend.pooled(wanted)
        return hex_data(waiting.raw) if waiting else None

    async def get_receipt(self, raw: Any) -> dict[str, Any] | None:
        return await self.receipt(Params(raw, 1).hash(0))

    async def receipt(self, transaction_hash: Hash32) -> dict[str, Any] | None:
        """The receipt of a final transaction."""
        found = self._backend.locate(transaction_hash)
        if found is None:
            return None
        number, position = found
        block = self._backend.block(number)
        receipts = self._backend.receipts(number)
        if block is None or receipts is None:
            return None
        [sender] = await self._senders([block.transactions[position]])
        before = self._before(block, receipts, position)
        receipt = decode_receipt(receipts[position])
        return receipt_json(block, position, receipt, sender, before)

    def _before(self, block: Block, receipts: Sequence[bytes], position: int) -> Before:
        starts = self._log_starts.get(block.digest)
        if starts is None:
            starts = [0, *accumulate(map(log_count, receipts))]
            self._log_starts.put(block.digest, starts)
        gas = cumulative_gas(receipts[position - 1]) if position else 0
        return Before(gas, starts[position])

    async def get_block_receipts(self, raw: Any) -> Receipts:
        number = number_of(self._backend, Params(raw, 1).block(0, default=None))
        return None if number is None else await self._receipts(number)

    async def _receipts(self, number: int) -> Receipts:
        block = self._backend.block(number)
        receipts = self._backend.receipts(number)
        if block is None or receipts is None:
            return None
        senders = self._known_senders.get(block.digest)
        if senders is None:
            senders = await self._senders(block.transactions)
            self._known_senders.put(block.digest, senders)
        encoded = encoded_receipts(block, receipts, senders)
        if encoded is not None:
            return orjson.Fragment(encoded)
        return receipts_json(block, receipts, senders)

    async def raw_block(self, raw: Any) -> str:
        params = Params(raw, 1)
        return hex_data(require_block(self._backend, params.block(0)).encode())

    async def raw_header(self, raw: Any) -> str:
        params = Params(raw, 1)
        return hex_data(require_block(self._backend, params.block(0)).header.encoded)

    async def raw_receipts(self, raw: Any) -> list[str]:
        params = Params(raw, 1)
        header = require_block(self._backend, params.block(0)).header
        return [hex_data(r) for r in self._backend.receipts(header.number) or ()]

    async def fee_history(self, raw: Any) -> dict[str, Any]:
        params = Params(raw, 3)
        count = min(params.quantity(0), MAX_FEE_HISTORY_BLOCKS)
        newest = self._newest(params.block(1, default=None))
        percentiles = _percentiles(params.raw(2))
        first = max(0, newest.number - count + 1) if count else newest.number + 1
        blocks = [
            block
            for number in range(first, newest.number + 1)
            if (block := self._backend.block(number)) is not None
        ]
        fees = [block.header.base_fee_per_gas for block in blocks]
        answer: dict[str, Any] = {
            "oldestBlock": hex(first if blocks else 0),
            "gasUsedRatio": [
                # A dev chain may set the limit to 0.
                b.header.gas_used / max(b.header.gas_limit, 1)
                for b in blocks
            ],
            "baseFeePerBlobGas": ["0x1"] * (len(blocks) + 1) if blocks else [],
            "blobGasUsedRatio": [0.0] * len(blocks),
        }
        if blocks:
            fees.append(self._backend.rules.base_fee_after(blocks[-1].header))
            answer["baseFeePerGas"] = [hex(fee) for fee in fees]
        if percentiles is not None and blocks:
            answer["reward"] = [
                [hex(tip) for tip in self._tips(block, percentiles)] for block in blocks
            ]
        return answer

    def _newest(self, block_id: BlockId) -> Header:
        block = find_block(self._backend, block_id)
        if block is None and block_id.number is not None:
            head = self._backend.head().number
            raise server_error(
                f"request beyond head block: requested {block_id.number}, head {head}"
            )
        return require_block(self._backend, block_id).header

    def _tips(self, block: Block, percentiles: list[float]) -> list[int]:
        """Effective priority fees at percentiles of gas used, as geth computes them."""
        pairs = self._tips_paid(block)
        if not pairs:
            return [0] * len(percentiles)
        tips = []
        at, passed = 0, pairs[0][1]
        for percentile in percentiles:
            threshold = block.header.gas_used * percentile / 100
            while passed < threshold and at < len(pairs) - 1:
                at += 1
                passed += pairs[at][1]
            tips.append(pairs[at][0])
        return tips

    def _tips_paid(self, block: Block) -> list[tuple[int, int]]:
        """(tip, gas used) of every transaction, by tip."""
        pairs = self._paid.get(block.digest)
        if pairs is None:
            raws = self._backend.receipts(block.header.number) or ()
            used = gas_used_each([decode_receipt(raw) for raw in raws])
            base_fee = block.header.base_fee_per_gas
            pairs = sorted(
                (decode_transaction(raw).effective_gas_price(base_fee) - base_fee, gas)
                for raw, gas in zip(block.transactions, used, strict=True)
            )
            self._paid.put(block.digest, pairs)
        return pairs


def _percentiles(raw: Any) -> list[float] | None:
    if raw is None:
        return None
    numbers = isinstance(raw, list) and all(
        isinstance(p, int | float) and not isinstance(p, bool) for p in raw
    )
    if not numbers or len(raw) > MAX_PERCENTILES:
        raise invalid_params(f"invalid argument 2: at most {MAX_PERCENTILES} numbers")
    if any(not 0 <= p <= 100 for p in raw) or raw != sorted(raw):
        raise invalid_params("invalid reward percentile: 0 to 100, ascending")
    return [float(p) for p in raw]
