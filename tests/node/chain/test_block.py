"""Blocks in standard encoding."""

import pytest
import rlp as pyrlp

from node.chain.block import EMPTY_LIST, Block
from node.primitives import rlp
from node.primitives.keccak import keccak256
from tests.node.consensus.world import GENESIS

LEGACY = rlp.encode([b"\1", b"\2", b"\3"])
TYPED = b"\x02" + LEGACY
BLOCK = Block(GENESIS, (LEGACY, TYPED))


def test_a_block_is_read_back() -> None:
    for block in (BLOCK, Block(GENESIS, ())):
        assert Block.decode(block.encode()) == block


def test_its_encoding_is_that_of_ethereum() -> None:
    """Legacy transactions are lists, typed ones byte strings."""
    header, transactions, ommers, withdrawals = pyrlp.decode(BLOCK.encode())
    assert pyrlp.encode(header) == GENESIS.encoded
    assert transactions == [[b"\1", b"\2", b"\3"], TYPED]
    assert (ommers, withdrawals) == ([], [])


def test_hashes_are_of_the_raw_transactions() -> None:
    assert BLOCK.transaction_hashes() == [keccak256(LEGACY), keccak256(TYPED)]
    assert BLOCK.digest == GENESIS.digest


def test_blocks_of_another_shape_are_refused() -> None:
    header, transactions, *_ = rlp.split_list(BLOCK.encode())
    ommer = rlp.encode_list([GENESIS.encoded])
    for parts in (
        [header, transactions, EMPTY_LIST],
        [header, transactions, ommer, EMPTY_LIST],
        [header, transactions, EMPTY_LIST, ommer],
        [transactions, transactions, EMPTY_LIST, EMPTY_LIST],
        [header, rlp.encode(b"ab"), EMPTY_LIST, EMPTY_LIST],
    ):
        with pytest.raises(rlp.RlpError):
            Block.decode(rlp.encode_list(parts))
    with pytest.raises(rlp.RlpError):
        Block.decode(BLOCK.encode()[:-1])
