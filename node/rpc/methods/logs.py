"""Logs and filters: eth_getLogs and the polling filters.

A range is scanned by the headers' blooms, so that only blocks that may match are
decoded. Filters are bounded in number and expire when nobody polls them.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.chain.block import Block
from node.chain.receipt import Log, decode_receipt
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32
from node.rpc.backend import Backend, Head
from node.rpc.dispatch import Methods
from node.rpc.errors import LIMIT_EXCEEDED, RpcError, invalid_params, server_error
from node.rpc.formats import hex_data, log_json, places_of
from node.rpc.lookup import number_of
from node.rpc.params import BlockId, Params, parse_address, parse_block_id, parse_hash

MAX_ADDRESSES = 1_000
MAX_TOPIC_CHOICES = 1_000
MAX_FILTERS = 1_000
MAX_FILTER_ITEMS = 10_000
FILTER_LIFETIME_BLOCKS = 3_000


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which logs: any of the addresses, and per position any of the topics."""

    addresses: frozenset[Address]
    topics: tuple[frozenset[Hash32], ...]

    def is_match(self, log: Log) -> bool:
        """Whether the log is wanted."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(
            not wanted or topic in wanted
            for wanted, topic in zip(self.topics, log.topics, strict=False)
        )

    def is_possible(self, bloom: bytes) -> bool:
        """Whether a block of this bloom may hold a wanted log."""
        groups = [group for group in (self.addresses, *self.topics) if group]
        return all(any(_in_bloom(bloom, item) for item in group) for group in groups)


def _in_bloom(bloom: bytes, item: bytes) -> bool:
    digest = keccak256(item)
    for at in (0, 2, 4):
        bit = int.from_bytes(digest[at : at + 2], "big") & 2047
        if not bloom[255 - bit // 8] & (1 << bit % 8):
            return False
    return True


def parse_criteria(request: Mapping[str, Any]) -> Criteria:
    """Address and topics of a filter object. Raises RpcError."""
    raw = request.get("address")
    listed = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if len(listed) > MAX_ADDRESSES:
        raise invalid_params(f"at most {MAX_ADDRESSES} addresses")
    topics = request.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:
        raise invalid_params("invalid topics: at most 4 positions")
    return Criteria(
        frozenset(parse_address(item, "address") for item in listed),
        tuple(_choices(choice) for choice in topics),
    )


def _choices(raw: Any) -> frozenset[Hash32]:
    listed = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if len(listed) > MAX_TOPIC_CHOICES:
        raise invalid_params(f"at most {MAX_TOPIC_CHOICES} topics a position")
    return frozenset(parse_hash(item, "topic") for item in listed if item is not None)


def logs_of(
    block: Block, receipts: Iterable[bytes], criteria: Criteria
) -> list[dict[str, Any]]:
    """The wanted logs of a block, in order."""
    if not criteria.is_possible(block.header.logs_bloom):
        return []
    answer = []
    hashes, places = block.transaction_hashes(), places_of(block)
    index = 0
    for position, raw in enumerate(receipts):
        for log in decode_receipt(raw).logs:
            if criteria.is_match(log):
                place = places[position]
                answer.append(log_json(log, hashes[position], place, index))
            index += 1
    return answer


@dataclass(slots=True)
class _Filter:
    kind: str
    criteria: Criteria | None
    request: Mapping[str, Any]
    items: list[Any] = field(default_factory=list)
    polled_at: int = 0
    overflowed: bool = False


class LogMethods:
    """eth_getLogs, eth_new*Filter, eth_getFilter*, eth_uninstallFilter."""

    def __init__(self, backend: Backend, max_blocks: int, max_results: int) -> None:
        self._backend = backend
        self._max_blocks = max_blocks
        self._max_results = max_results
        self._filters: dict[str, _Filter] = {}
        self._stops = (
            backend.on_head(self._on_head),
            backend.on_pending(self._on_pending),
        )

    def stop(self) -> None:
        """Hear of heads no more."""
        for stop in self._stops:
            stop()

    def table(self) -> Methods:
        """Name -> handler."""
        return {
            "eth_getLogs": self.get_logs,
            "eth_newFilter": self.new_filter,
            "eth_newBlockFilter": self.new_block_filter,
            "eth_newPendingTransactionFilter": self.new_pending_filter,
            "eth_getFilterChanges": self.get_changes,
            "eth_getFilterLogs": self.get_filter_logs,
            "eth_uninstallFilter": self.uninstall,
        }

    async def get_logs(self, raw: Any) -> list[dict[str, Any]]:
        return await self._find(Params(raw, 1).object(0))

    async def _find(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        criteria = parse_criteria(request)
        numbers = self._range(request)
        return await self._backend.blocking(lambda: self._scan(numbers, criteria))

    def _range(self, request: Mapping[str, Any]) -> Sequence[int]:
        if request.get("blockHash") is not None:
            if request.get("fromBlock") or request.get("toBlock"):
                raise invalid_params(
                    "cannot specify both BlockHash and FromBlock/ToBlock"
                )
            digest = parse_hash(request["blockHash"], "blockHash")
            number = self._backend.number_of(digest)
            if number is None:
                raise server_error("unknown block")
            return range(number, number + 1)
        head = self._backend.head().number
        first = self._bound(request.get("fromBlock"), head)
        last = min(self._bound(request.get("toBlock"), head), head)
        if first > last and request.get("toBlock") is not None and first <= head:
            raise invalid_params("invalid block range params")
        if last - first + 1 > self._max_blocks:
            raise RpcError(
                LIMIT_EXCEEDED,
                f"block range is too wide: {last - first + 1} blocks, at most "
                f"{self._max_blocks}; ask for smaller ranges",
            )
        return range(first, last + 1)

    def _bound(self, value: Any, head: int) -> int:
        if value is None:
            return head
        block_id: BlockId = parse_block_id(value, "block")
        if block_id.number is not None:
            return block_id.number
        found = number_of(self._backend, block_id)
        if found is None:
            raise server_error("unknown block")
        return found

    def _scan(self, numbers: Sequence[int], criteria: Criteria) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = []
        for number in numbers:
            block = self._backend.block(number)
            if block is None or not criteria.is_possible(block.header.logs_bloom):
                continue
            answer += logs_of(block, self._backend.receipts(number) or (), criteria)
            if len(answer) > self._max_results:
                raise RpcError(
                    LIMIT_EXCEEDED,
                    f"query returned more than {self._max_results} results; "
                    "ask for smaller ranges",
                )
        return answer

    async def new_filter(self, raw: Any) -> str:
        request = Params(raw, 1).object(0)
        return self._add(_Filter("logs", parse_criteria(request), request))

    async def new_block_filter(self, raw: Any) -> str:
        Params(raw, 0)
        return self._add(_Filter("blocks", None, {}))

    async def new_pending_filter(self, raw: Any) -> str:
        Params(raw, 1)
        return self._add(_Filter("pending", None, {}))

    def _add(self, new: _Filter) -> str:
        if len(self._filters) >= MAX_FILTERS:
            raise RpcError(
                LIMIT_EXCEEDED,
                f"{MAX_FILTERS} filters exist already: uninstall some, or subscribe",
            )
        new.polled_at = self._backend.head().number
        name = "0x" + secrets.token_hex(16)
        self._filters[name] = new
        return name

    async def get_changes(self, raw: Any) -> list[Any]:
        found = self._named(Params(raw, 1).required(0))
        if found.overflowed:
            raise RpcError(
                LIMIT_EXCEEDED,
                f"more than {MAX_FILTER_ITEMS} items waited: make a new filter and "
                "poll it more often",
            )
        items, found.items = found.items, []
        found.polled_at = self._backend.head().number
        return items

    async def get_filter_logs(self, raw: Any) -> list[dict[str, Any]]:
        found = self._named(Params(raw, 1).required(0))
        if found.criteria is None:
            raise server_error("filter not found")
        return await self._find(found.request)

    async def uninstall(self, raw: Any) -> bool:
        return self._filters.pop(str(Params(raw, 1).required(0)), None) is not None

    def _named(self, name: Any) -> _Filter:
        found = self._filters.get(name) if isinstance(name, str) else None
        if found is None:
            raise server_error("filter not found")
        return found

    def _on_head(self, head: Head) -> None:
        if not self._filters:
            return
        number = head.block.header.number
        for name, known in list(self._filters.items()):
            if number - known.polled_at > FILTER_LIFETIME_BLOCKS:
                del self._filters[name]
            elif known.kind == "blocks":
                _keep(known, [hex_data(head.block.digest)])
            elif known.criteria is not None:
                _keep(known, logs_of(head.block, head.receipts, known.criteria))

    def _on_pending(self, hashes: tuple[Hash32, ...]) -> None:
        for known in self._filters.values():
            if known.kind == "pending":
                _keep(known, [hex_data(h) for h in hashes])


def _keep(known: _Filter, items: list[Any]) -> None:
    if len(known.items) + len(items) > MAX_FILTER_ITEMS:
        known.items, known.overflowed = [], True
    elif not known.overflowed:
        known.items += items
