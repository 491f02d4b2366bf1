"""Recent blocks: found while they are kept, kept within the bytes allowed."""

from dataclasses import replace

from node.app.recent import RecentBlocks
from node.chain.block import Block
from node.rpc.backend import Head
from tests.node.execution.local_chain import genesis_for


def head(number: int, size: int) -> Head:
    header = replace(genesis_for().header, number=number)
    return Head(Block(header, (bytes(size),)), (bytes(size),))


def test_what_was_put_is_found_and_the_rest_is_not() -> None:
    recent = RecentBlocks()
    first = head(1, 10)
    recent.put(first)
    assert recent.get(1) is first
    assert recent.get(2) is None


def test_the_oldest_goes_when_the_bytes_are_used_up() -> None:
    recent = RecentBlocks(max_bytes=50)
    for number in range(1, 4):
        recent.put(head(number, 10))  # 20 bytes each
    assert [recent.get(number) is not None for number in range(1, 4)] == [
        False,
        True,
        True,
    ]


def test_one_that_is_too_large_is_kept_alone() -> None:
    recent = RecentBlocks(max_bytes=50)
    recent.put(head(1, 10))
    recent.put(head(2, 100))
    assert recent.get(1) is None
    assert recent.get(2) is not None
    recent.put(head(3, 10))
    assert recent.get(2) is None


def test_putting_a_block_twice_counts_it_once() -> None:
    recent = RecentBlocks(max_bytes=50)
    for _ in range(5):
        recent.put(head(1, 10))
    recent.put(head(2, 10))
    assert recent.get(1) is not None
