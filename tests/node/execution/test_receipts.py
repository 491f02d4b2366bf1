"""Receipts as the native package writes them are those that Python writes."""

import sys

import orjson
import pytest

from node.chain.block import Block
from node.chain.transaction import SET_CODE
from node.execution.receipts import encoded_receipts
from node.primitives.types import Address
from node.rpc.formats import receipts_json
from tests.node.execution.assembler import code, initcode
from tests.node.execution.local_chain import WORDS, LocalChain, genesis_for
from tests.node.execution.signing import (
    Draft,
    address_of,
    authorization,
    legacy,
    with_access_list,
)

pytest.importorskip("chandlery_native", reason="the native executor is not installed")

from node.execution.native import NativeExecutor

# Two logs, of no topic and of four, over 3 and 0 bytes of memory.
LOGS = code(3, 0, "LOG0", 1, 2, 3, 4, 0, 0, "LOG4")
REVERTS = code(0, 0, "LOG0", 0, 0, "REVERT")


@pytest.fixture(scope="module")
def chain():
    genesis = genesis_for()
    chain = LocalChain(NativeExecutor(None, genesis), genesis)
    yield chain
    chain.executor.close()


Parts = tuple[Block, tuple[bytes, ...], list[Address]]


def block_of_all_kinds(chain: LocalChain) -> Parts:
    """A block, its receipts, and who sent its transactions."""
    logs, reverts = chain.deploy(LOGS), chain.deploy(REVERTS)
    view = chain.view()
    a, b, c, d = (view.nonce(address_of(word)) for word in WORDS)
    signed = authorization("carol", logs, c)
    listed = Draft(logs, a + 2, access_list=[(logs, [1])])
    delegating = Draft(logs, d + 1, type=SET_CODE, authorizations=[signed])
    executed = chain.add(
        Draft(logs, a).sign("alice"),
        legacy(Draft(reverts, a + 1)).sign("alice"),
        with_access_list(listed).sign("alice"),
        Draft(data=initcode(LOGS), nonce=b).sign("bob"),
        Draft(logs, d, priority_fee=0).sign("dave"),
        delegating.sign("dave"),
    )
    block = Block.decode(chain.blocks[-1])
    senders = [address_of(word) for word in ("alice",) * 3 + ("bob", "dave", "dave")]
    return block, executed.receipts, senders


def test_every_field_is_the_same_for_every_kind_of_transaction(chain):
    block, receipts, senders = block_of_all_kinds(chain)
    encoded = encoded_receipts(block, receipts, senders)
    assert encoded is not None
    written = orjson.loads(encoded)
    assert written == receipts_json(block, receipts, senders)
    assert [len(receipt["logs"]) for receipt in written] == [2, 0, 2, 0, 2, 2]
    assert [receipt["status"] for receipt in written].count("0x0") == 1
    assert list(written[0]) == list(receipts_json(block, receipts, senders)[0])


def test_an_empty_block_has_an_empty_list(chain):
    chain.commit(chain.build([]))
    block = Block.decode(chain.blocks[-1])
    assert encoded_receipts(block, (), []) == b"[]"


def test_what_is_no_blocks_is_refused(chain):
    block, receipts, senders = block_of_all_kinds(chain)
    with pytest.raises(ValueError, match="as many receipts"):
        encoded_receipts(block, receipts[1:], senders)
    with pytest.raises(ValueError, match="receipt 0"):
        encoded_receipts(block, (b"\x02\xc0", *receipts[1:]), senders)


def test_without_the_package_python_writes_them(chain, monkeypatch):
    block, receipts, senders = block_of_all_kinds(chain)
    monkeypatch.delitem(sys.modules, "chandlery_native")
    assert encoded_receipts(block, receipts, senders) is None
