"""A receipt holds as it was made, and with no field of it changed."""

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from node.chain.proofs.finality import ProofInvalid
from node.chain.proofs.order import FORMAT, MOVED, PLACED, describe_log, verify_order
from node.chain.receipt import decode_receipt
from node.rpc.methods.proofs import ProofMethods
from shop_contract.artifact import load_artifact
from tests.node.chain.proofs.made_chain import (
    SECOND,
    SHOP,
    MadeChain,
    hash_of,
    moved_log,
    placed_log,
    receipt_of,
)

ORDER = 7


def document_of(chain: MadeChain, *places: tuple[int, int]) -> dict[str, Any]:
    """The receipt of order 7 as a node and a client make it."""
    methods = ProofMethods(chain)  # type: ignore[arg-type]
    events: list[dict[str, Any]] = []
    proofs = []
    for number, position in places:
        asked = methods.receipt_proof([hash_of(number, position)])
        proofs.append(asyncio.run(asked))
        header = chain.header(number)
        logs = decode_receipt(chain.receipts(number)[position]).logs
        wanted = [log for log in logs if log.topics[1][-1] == ORDER]
        described = [describe_log(log, header) for log in wanted]
        events += [event for event in described if event is not None]
    return {
        "format": FORMAT,
        "chain_id": chain.genesis.chain_id,
        "genesis_hash": "0x" + chain.genesis.digest.hex(),
        "shop": "0x" + SHOP.hex(),
        "order_id": ORDER,
        "events": events,
        "proofs": proofs,
    }


@pytest.fixture(scope="module")
def chain() -> MadeChain:
    """The order is placed among others, then moved after a change of validators."""
    made = MadeChain()
    made.add(receipt_of())
    crowd = [receipt_of(placed_log(100 + number)) for number in range(20)]
    made.add(*crowd, receipt_of(placed_log(6), placed_log(ORDER)))
    made.add(receipt_of(), next_keys=SECOND)
    made.add(receipt_of(moved_log(ORDER, 3)))
    return made


@pytest.fixture(scope="module")
def document(chain: MadeChain) -> dict[str, Any]:
    return document_of(chain, (2, 20), (4, 0))


def test_a_receipt_tells_what_happened(chain: MadeChain, document: Any) -> None:
    proven = verify_order(document, chain.genesis)
    placed, moved = proven.events
    assert (proven.shop, proven.order_id) == (SHOP, ORDER)
    assert (placed["quantity"], placed["total"]) == (2, str(2 * 10**16))
    assert (moved["status"], moved["block"]) == ("moulding", 4)
    assert proven.signatures == (3, 4)
    assert document["proofs"][1]["changes"][0]["header"].startswith("0xf9")


def changed(value: Any) -> Iterator[Any]:
    """Values that are not the one given, of the same and of other kinds."""
    if isinstance(value, str) and value.startswith("0x"):
        middle = len(value) // 2
        for at in sorted({2, middle, len(value) - 1}):
            digit = "1" if value[at] != "1" else "2"
            yield value[:at] + digit + value[at + 1 :]
        yield value + "00"
        yield value[:-2]
        yield value.upper()
    elif isinstance(value, str):
        yield value + " "
        yield ""
    elif isinstance(value, int):
        yield value + 1
        yield -value
        yield str(value)
        yield float(value) + 0.5
    elif isinstance(value, list):
        yield [*value, value[0]] if value else [{}]
        yield value[:-1] if value else None
        yield [*reversed(value)] if len(value) > 1 else {}
    elif isinstance(value, dict):
        yield {**value, "more": 1}
        yield []
    yield None


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from paths(value[name], (*path, name))
    if isinstance(value, list):
        for at, item in enumerate(value):
            yield from paths(item, (*path, at))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = copy.deepcopy(document)
    place = made
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return made


def is_refused(document: Any, chain: MadeChain) -> bool:
    try:
        verify_order(document, chain.genesis)
    except ProofInvalid:
        return True
    return False


def test_no_field_can_be_changed_removed_or_added(
    chain: MadeChain, document: dict[str, Any]
) -> None:
    tried = 0
    for path in paths(document):
        original: Any = document
        for name in path:
            original = original[name]
        for value in changed(original):
            if value == original and type(value) is type(original):
                continue
            tampered = replaced(document, path, value)
            said = f"{path} = {json.dumps(value)[:200]}"
            assert is_refused(tampered, chain), f"accepted: {said}"
            tried += 1
        if path and isinstance(path[-1], str):
            without = copy.deepcopy(document)
            place: Any = without
            for name in path[:-1]:
                place = place[name]
            del place[path[-1]]
            assert is_refused(without, chain), f"accepted without {path}"
            tried += 1
    assert tried > 200


def test_another_networks_genesis_does_not_believe_it(document: Any) -> None:
    with pytest.raises(ProofInvalid, match="genesis_hash"):
        verify_order(document, MadeChain(SECOND).genesis)


def test_a_later_event_alone_does_not_show_that_it_was_placed(chain: MadeChain) -> None:
    with pytest.raises(ProofInvalid, match="none shows that order 7 was placed"):
        verify_order(document_of(chain, (4, 0)), chain.genesis)


def test_the_same_proof_twice_is_refused(chain: MadeChain) -> None:
    with pytest.raises(ProofInvalid, match="not in the order of the chain"):
        verify_order(document_of(chain, (2, 20), (2, 20)), chain.genesis)


def test_another_orders_transaction_proves_nothing(chain: MadeChain) -> None:
    with pytest.raises(ProofInvalid, match="says nothing of order 7"):
        verify_order(document_of(chain, (2, 20), (3, 0)), chain.genesis)


def test_a_block_of_a_development_chain_has_no_proof(chain: MadeChain) -> None:
    methods = ProofMethods(chain)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="no commit certificate"):
        asyncio.run(methods.receipt_proof([hash_of(0, 0)]))


@pytest.mark.parametrize("declared", [PLACED, MOVED])
def test_events_are_declared_as_in_the_contract(declared: str) -> None:
    name = declared.partition("(")[0]
    (entry,) = [e for e in load_artifact().abi if e.get("name") == name]
    kinds = ",".join(item["type"] for item in entry["inputs"])
    assert declared == f"{name}({kinds})"
    indexed = [item["name"] for item in entry["inputs"] if item["indexed"]]
    assert indexed[0] == "order_id"
