"""Blocks, transactions, receipts and logs as the JSON of the execution-apis schema."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.chain.block import Block
from node.chain.header import Header
from node.chain.receipt import Log, Receipt, decode_receipt
from node.chain.transaction import Transaction, decode_transaction
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32


def hex_data(raw: bytes) -> str:
    """DATA."""
    return "0x" + raw.hex()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction or log stands: in a final block, or waiting (digest None)."""

    digest: Hash32 | None = None
    number: int | None = None
    position: int | None = None
    timestamp: int | None = None


WAITING = Place()


def header_json(header: Header) -> dict[str, Any]:
    """A header as newHeads sends it; a block adds transactions and size."""
    return {
        "number": hex(header.number),
        "hash": hex_data(header.digest),
        "parentHash": hex_data(header.parent_hash),
        "nonce": hex_data(header.nonce),
        "sha3Uncles": hex_data(header.ommers_hash),
        "logsBloom": hex_data(header.logs_bloom),
        "transactionsRoot": hex_data(header.transactions_root),
        "stateRoot": hex_data(header.state_root),
        "receiptsRoot": hex_data(header.receipts_root),
        "miner": hex_data(header.coinbase),
        "difficulty": hex(header.difficulty),
        "extraData": hex_data(header.extra_data),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "mixHash": hex_data(header.prev_randao),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": hex_data(header.withdrawals_root),
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": hex_data(header.parent_beacon_block_root),
        "requestsHash": hex_data(header.requests_hash),
    }


def block_json(block: Block, senders: Sequence[Address] | None) -> dict[str, Any]:
    """A block; with senders, whole transactions, else their hashes."""
    transactions: list[Any]
    if senders is None:
        transactions = [hex_data(h) for h in block.transaction_hashes()]
    else:
        transactions = [
            transaction_json(decode_transaction(raw), sender, place, block.header)
            for raw, sender, place in zip(
                block.transactions, senders, places_of(block), strict=True
            )
        ]
    return {
        **header_json(block.header),
        "size": hex(len(block.encode())),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


def places_of(block: Block) -> list[Place]:
    """The place of every transaction of a block."""
    return [place_of(block.header, at) for at in range(len(block.transactions))]


def place_of(header: Header, position: int) -> Place:
    """The place of one transaction of a final block."""
    return Place(header.digest, header.number, position, header.timestamp)


def transaction_json(
    transaction: Transaction, sender: Address, place: Place, header: Header | None
) -> dict[str, Any]:
    """A transaction; without a header it is waiting."""
    base_fee = header.base_fee_per_gas if header else None
    price = (
        transaction.max_fee
        if base_fee is None
        else transaction.effective_gas_price(base_fee)
    )
    answer: dict[str, Any] = {
        "type": hex(transaction.type),
        "hash": hex_data(transaction.hash),
        "nonce": hex(transaction.nonce),
        "blockHash": hex_data(place.digest) if place.digest else None,
        "blockNumber": _hex_or_none(place.number),
        "blockTimestamp": _hex_or_none(place.timestamp),
        "transactionIndex": _hex_or_none(place.position),
        "from": hex_data(sender),
        "to": hex_data(transaction.to) if transaction.to else None,
        "value": hex(transaction.value),
        "gas": hex(transaction.gas_limit),
        "gasPrice": hex(price),
        "input": hex_data(transaction.data),
        "v": hex(transaction.v),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
    }
    if transaction.chain_id is not None:
        answer["chainId"] = hex(transaction.chain_id)
    if transaction.type != 0:
        answer["yParity"] = hex(transaction.v)
        answer["accessList"] = [
            {"address": hex_data(at), "storageKeys": [hex_data(key) for key in keys]}
            for at, keys in transaction.access_list
        ]
    if not transaction.has_gas_price:
        answer["maxFeePerGas"] = hex(transaction.max_fee)
        answer["maxPriorityFeePerGas"] = hex(transaction.priority_fee)
    if transaction.type == 4:
        answer["authorizationList"] = [
            {
                "chainId": hex(a.chain_id),
                "address": hex_data(a.address),
                "nonce": hex(a.nonce),
                "yParity": hex(a.y_parity),
                "r": hex(a.r),
                "s": hex(a.s),
            }
            for a in transaction.authorizations
        ]
    return answer


@dataclass(frozen=True, slots=True)
class Before:
    """What the transactions of a block before one of them used and logged."""

    gas: int = 0
    logs: int = 0


def receipts_json(
    block: Block, raw_receipts: Sequence[bytes], senders: Sequence[Address]
) -> list[dict[str, Any]]:
    """The receipts of a whole block."""
    before = Before()
    answer = []
    for position, sender in enumerate(senders):
        receipt = decode_receipt(raw_receipts[position])
        answer.append(receipt_json(block, position, receipt, sender, before))
        before = Before(receipt.cumulative_gas, before.logs + len(receipt.logs))
    return answer


def receipt_json(
    block: Block, position: int, receipt: Receipt, sender: Address, before: Before
) -> dict[str, Any]:
    """One receipt of a block."""
    transaction = decode_transaction(block.transactions[position])
    place = place_of(block.header, position)
    return {
        **_receipt_of(transaction, sender, place, block.header),
        **_outcome(receipt, receipt.cumulative_gas - before.gas),
        "logs": [
            log_json(log, transaction.hash, place, before.logs + at)
            for at, log in enumerate(receipt.logs)
        ],
    }


def _receipt_of(
    transaction: Transaction, sender: Address, place: Place, header: Header
) -> dict[str, Any]:
    created = None
    if transaction.to is None:
        created = contract_address(sender, transaction.nonce)
    price = transaction.effective_gas_price(header.base_fee_per_gas)
    return {
        "type": hex(transaction.type),
        "transactionHash": hex_data(transaction.hash),
        "transactionIndex": _hex_or_none(place.position),
        "blockHash": hex_data(header.digest),
        "blockNumber": hex(header.number),
        "from": hex_data(sender),
        "to": hex_data(transaction.to) if transaction.to else None,
        "contractAddress": hex_data(created) if created else None,
        "effectiveGasPrice": hex(price),
    }


def _outcome(receipt: Receipt, gas_used: int) -> dict[str, Any]:
    return {
        "status": hex(receipt.succeeded),
        "cumulativeGasUsed": hex(receipt.cumulative_gas),
        "gasUsed": hex(gas_used),
        "logsBloom": hex_data(receipt.bloom),
    }


def log_json(
    log: Log, transaction_hash: Hash32, place: Place, log_index: int
) -> dict[str, Any]:
    """One log of a final block."""
    return {
        "address": hex_data(log.address),
        "topics": [hex_data(topic) for topic in log.topics],
        "data": hex_data(log.data),
        "blockNumber": _hex_or_none(place.number),
        "blockHash": hex_data(place.digest) if place.digest else None,
        "blockTimestamp": _hex_or_none(place.timestamp),
        "transactionHash": hex_data(transaction_hash),
        "transactionIndex": _hex_or_none(place.position),
        "logIndex": hex(log_index),
        "removed": False,
    }


def contract_address(sender: Address, nonce: int) -> Address:
    """The address that CREATE gives (yellow paper, section 7)."""
    return Address(keccak256(rlp.encode([sender, rlp.from_int(nonce)]))[12:])


def _hex_or_none(number: int | None) -> str | None:
    return None if number is None else hex(number)
