"""An order's receipt: one JSON document that proves an order without shop or network.

It holds what happened (`events`, for people) and for each transaction that moved the
order a proof (`proofs`): header, commit certificate, changes of the validator set since
genesis, and the transaction's receipt in the receipts trie. Everything people read is
derived again from the proofs and compared, so that no field can be changed unnoticed.

It proves that these events happened. It cannot prove that nothing happened since: a
receipt from before a cancellation stays valid and does not mention it.
The events' declarations are the shop contract's; a test compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.chain.certificate import CommitCertificate
from node.chain.genesis import Genesis
from node.chain.header import Header
from node.chain.proofs.finality import (
    CertifiedHeader,
    ProofInvalid,
    SetChange,
    verify_finality,
)
from node.chain.proofs.receipt import verify_receipt
from node.chain.receipt import Log
from node.primitives.keccak import keccak256
from node.primitives.rlp import RlpError
from node.primitives.types import Address

FORMAT = "chandlery order receipt 1"
MAX_PROOFS = 32  # an order has at most five transactions of its own
MAX_CHANGES = 1_024
MAX_NODES = 16
STATUSES = (
    *("", "placed", "paid", "moulding", "shipped"),
    *("delivered", "cancelled", "refunded", "expired"),
)

PLACED = (
    "OrderPlaced(uint256,address,bytes32,uint256,uint256,uint256,uint256,uint256,"
    "uint256,uint256)"
)
MOVED = "OrderMoved(uint256,uint256,address,uint256)"
PLACED_DATA = (
    *("shape", "size", "scent", "quantity", "total", "catalogue_version"),
    "deadline",
)
_PLACED_TOPIC = keccak256(PLACED.encode())
_MOVED_TOPIC = keccak256(MOVED.encode())
_TOP_KEYS = ("format", "chain_id", "genesis_hash", "shop", "order_id")
_PROOF_KEYS = ("header", "certificate", "changes", "transactionIndex", "proof")


@dataclass(frozen=True, slots=True)
class ProvenOrder:
    """What a receipt proves. `events` are as in the document, oldest first;
    `signatures` are (signed, of how many) for the newest event's block."""

    shop: Address
    order_id: int
    events: tuple[dict[str, Any], ...]
    signatures: tuple[int, int]


def verify_order(document: Any, genesis: Genesis) -> ProvenOrder:
    """Check a whole receipt against a trusted genesis. Raises ProofInvalid."""
    top = _fields(document, (*_TOP_KEYS, "events", "proofs"), "the receipt")
    if top["format"] != FORMAT:
        raise ProofInvalid(f"format: expected '{FORMAT}'")
    if type(top["chain_id"]) is not int or top["chain_id"] != genesis.chain_id:
        raise ProofInvalid(f"chain_id: the trusted chain is {genesis.chain_id}")
    if _bytes(top["genesis_hash"], "genesis_hash") != genesis.digest:
        raise ProofInvalid("genesis_hash: not that of the trusted genesis file")
    shop = Address(_bytes(top["shop"], "shop", 20))
    order_id = top["order_id"]
    if type(order_id) is not int or not 0 < order_id < 1 << 64:
        raise ProofInvalid("order_id: expected a whole number from 1")
    events: list[dict[str, Any]] = []
    place = (0, -1)
    signatures = (0, 0)
    for proof in _list(top["proofs"], "proofs", MAX_PROOFS):
        found, at, signatures = _verify_proof(proof, (shop, order_id), genesis)
        if at <= place:
            raise ProofInvalid("proofs: not in the order of the chain")
        place = at
        events += found
    _check_story(events, order_id)
    if top["events"] != events:
        raise ProofInvalid(f"events: {_difference(top['events'], events)}")
    return ProvenOrder(shop, order_id, tuple(events), signatures)


def describe_log(log: Log, header: Header) -> dict[str, Any] | None:
    """One event of an order as receipts have it; None: none of an order."""
    at = {"block": header.number, "time": header.timestamp}
    words = [int.from_bytes(log.data[i : i + 32], "big") for i in _word_places(log)]
    if log.topics[0] == _PLACED_TOPIC and (len(log.topics), len(words)) == (4, 7):
        named: dict[str, Any] = dict(zip(PLACED_DATA, words, strict=True))
        named["total"] = str(named["total"])
        parties = {"buyer": _hex(log.topics[2][12:]), "reference": _hex(log.topics[3])}
        return {"event": "OrderPlaced", **at, **parties, **named}
    if log.topics[0] == _MOVED_TOPIC and (len(log.topics), len(words)) == (4, 1):
        status = int.from_bytes(log.topics[2], "big")
        if not 0 < status < len(STATUSES):
            return None
        moved = {"status": STATUSES[status], "actor": _hex(log.topics[3][12:])}
        return {"event": "OrderMoved", **at, **moved, "deadline": words[0]}
    return None


def _verify_proof(
    raw: Any, subject: tuple[Address, int], genesis: Genesis
) -> tuple[list[dict[str, Any]], tuple[int, int], tuple[int, int]]:
    """The order's events in one transaction, its place, and how many signed."""
    fields = _fields(raw, _PROOF_KEYS, "a proof")
    block = _certified(fields)
    changes = [_change(c) for c in _list(fields["changes"], "changes", MAX_CHANGES)]
    signers = verify_finality(block, changes, genesis)
    position = _position(fields["transactionIndex"])
    nodes = [_bytes(n, "proof") for n in _list(fields["proof"], "proof", MAX_NODES)]
    receipt = verify_receipt(block.header, position, nodes)
    shop, order_id = subject
    topic = order_id.to_bytes(32, "big")
    logs = [
        log
        for log in receipt.logs
        if log.address == shop and len(log.topics) > 1 and log.topics[1] == topic
    ]
    described = [describe_log(log, block.header) for log in logs]
    events = [event for event in described if event is not None]
    number = block.header.number
    if not events:
        raise ProofInvalid(
            f"block {number}, transaction {position}: the contract "
            f"{_hex(shop)} says nothing of order {order_id} there"
        )
    signed = (len(block.certificate.seals), len(signers))
    return events, (number, position), signed


def _check_story(events: list[dict[str, Any]], order_id: int) -> None:
    kinds = [event["event"] for event in events]
    if kinds[:1] != ["OrderPlaced"]:
        raise ProofInvalid(f"proofs: none shows that order {order_id} was placed")
    if kinds.count("OrderPlaced") > 1:
        raise ProofInvalid(f"proofs: order {order_id} is placed more than once")


def _certified(fields: Mapping[str, Any]) -> CertifiedHeader:
    try:
        header = Header.decode(_bytes(fields["header"], "header"))
        certificate = CommitCertificate.decode(
            _bytes(fields["certificate"], "certificate")
        )
    except (RlpError, ValueError) as error:
        raise ProofInvalid(f"a header or certificate is malformed: {error}") from error
    return CertifiedHeader(header, certificate)


def _change(raw: Any) -> SetChange:
    fields = _fields(raw, ("header", "certificate", "validators"), "a change")
    listed = _list(fields["validators"], "validators", MAX_CHANGES)
    members = tuple(Address(_bytes(one, "validators", 20)) for one in listed)
    return SetChange(_certified(fields), members)


def _position(text: Any) -> int:
    if isinstance(text, str) and text.startswith("0x") and len(text) < 10:
        try:
            position = int(text, 16)
        except ValueError:
            position = -1
        if hex(position) == text:
            return position
    raise ProofInvalid("transactionIndex: expected a number such as 0x0")


def _fields(raw: Any, names: tuple[str, ...], what: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise ProofInvalid(f"{what} is no JSON object")
    for name in names:
        if name not in raw:
            raise ProofInvalid(f"{what} lacks '{name}'")
    for name in raw:
        if name not in names:
            raise ProofInvalid(f"{what} has an unknown field '{str(name)[:40]}'")
    return raw


def _list(raw: Any, name: str, most: int) -> list[Any]:
    if not isinstance(raw, list) or len(raw) > most:
        raise ProofInvalid(f"{name}: expected a list of at most {most}")
    return raw


def _bytes(text: Any, name: str, length: int | None = None) -> bytes:
    """Lower-case hexadecimal digits only: one value has one spelling."""
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ProofInvalid(f"{name}: expected bytes as 0x and lower-case digits")
    try:
        raw = bytes.fromhex(text[2:])
    except ValueError:
        raise ProofInvalid(f"{name}: not hexadecimal digits") from None
    if _hex(raw) != text or (length is not None and len(raw) != length):
        raise ProofInvalid(f"{name}: not {length or 'a whole number of'} bytes")
    return raw


def _difference(told: Any, proven: list[dict[str, Any]]) -> str:
    if not isinstance(told, list) or len(told) != len(proven):
        return f"the proofs show {len(proven)} events, the receipt tells of others"
    for said, shown in zip(told, proven, strict=True):
        said = said if isinstance(said, dict) else {}
        for name in shown:
            if said.get(name) != shown[name]:
                return f"'{name}' is {shown[name]!r} by the proofs"
    return "they tell more than the proofs show"


def _word_places(log: Log) -> range:
    return range(0, len(log.data), 32) if len(log.data) % 32 == 0 else range(0)


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
