"""Lengths are checked at the boundary."""

import pytest

from node.primitives.types import address, hash32


def test_the_right_lengths_pass() -> None:
    assert hash32(bytes(32)) == bytes(32)
    assert address(bytes(20)) == bytes(20)


def test_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, got 31"):
        hash32(bytes(31))
    with pytest.raises(ValueError, match="20 bytes, got 21"):
        address(bytes(21))
