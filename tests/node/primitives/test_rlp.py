"""RLP: the public vectors, and that one value has one spelling."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.primitives import rlp
from node.primitives.rlp import MAX_DEPTH, RlpError

SHARED = Path(__file__).parents[4] / "shared" / "vectors" / "rlp"
needs_vectors = pytest.mark.skipif(
    not SHARED.is_dir(), reason="needs the public vectors in shared/vectors/rlp"
)
ITEMS = st.recursive(st.binary(max_size=80), lambda item: st.lists(item, max_size=5))


def load(name: str) -> dict[str, dict[str, Any]]:
    return json.loads((SHARED / name).read_text()) if SHARED.is_dir() else {}


def item_of(value: Any) -> rlp.Item:
    """A vector's JSON value as an item: texts, numbers, #big numbers, lists."""
    if isinstance(value, list):
        return [item_of(part) for part in value]
    if isinstance(value, int):
        return rlp.from_int(value)
    if value.startswith("#"):
        return rlp.from_int(int(value[1:]))
    return value.encode("latin-1")


def listed(item: rlp.Item) -> rlp.Decoded:
    if isinstance(item, (bytes, bytearray)):
        return bytes(item)
    return [listed(part) for part in item]


@needs_vectors
@pytest.mark.parametrize("name", load("rlptest.json"))
def test_valid_vectors_encode_and_decode(name: str) -> None:
    case = load("rlptest.json")[name]
    item, expected = item_of(case["in"]), bytes.fromhex(case["out"][2:])
    assert rlp.encode(item) == expected
    assert rlp.decode(expected) == listed(item)


@needs_vectors
@pytest.mark.parametrize("name", load("invalidRLPTest.json"))
def test_invalid_vectors_are_refused(name: str) -> None:
    case = load("invalidRLPTest.json")[name]
    with pytest.raises(RlpError):
        rlp.decode(bytes.fromhex(case["out"].removeprefix("0x")))


@needs_vectors
def test_the_random_vector_is_read_or_refused_and_nothing_else() -> None:
    for case in load("random_example.json").values():
        data = bytes.fromhex(case["out"].removeprefix("0x"))
        assert rlp.encode(rlp.decode(data)) == data


@given(ITEMS)
def test_what_is_encoded_is_read_back(item: rlp.Item) -> None:
    assert rlp.decode(rlp.encode(item)) == listed(item)


@given(st.binary(max_size=60))
def test_bytes_that_decode_are_the_only_spelling_of_their_value(data: bytes) -> None:
    try:
        item = rlp.decode(data)
    except RlpError:
        return
    assert rlp.encode(item) == data


@given(st.lists(ITEMS, max_size=5))
def test_a_list_splits_into_its_encoded_items(items: list[rlp.Item]) -> None:
    encoded = [rlp.encode(item) for item in items]
    assert rlp.split_list(rlp.encode_list(encoded)) == encoded


def test_only_one_whole_list_splits() -> None:
    for data in (b"", b"\x80", b"\xc1", b"\xc0\xc0", b"\xc2\x80"):
        with pytest.raises(RlpError):
            rlp.split_list(data)


def test_a_list_is_not_split_beyond_what_its_reader_allows() -> None:
    data = rlp.encode_list([b"\x01"] * 100)
    assert len(rlp.split_list(data, 100)) == 100
    with pytest.raises(RlpError, match="more than 99 items"):
        rlp.split_list(data, 99)


def nested(depth: int) -> bytes:
    data = b"\xc0"
    for _ in range(depth):
        data = rlp.encode_list([data])
    return data


def test_nesting_is_bounded() -> None:
    rlp.decode(nested(MAX_DEPTH))
    with pytest.raises(RlpError, match="nested deeper"):
        rlp.decode(nested(MAX_DEPTH + 1))
    with pytest.raises(RlpError, match="nested deeper"):
        rlp.decode(nested(3_000))


@given(st.integers(0, 2**256 - 1))
def test_an_integer_is_minimal_big_endian(number: int) -> None:
    raw = rlp.from_int(number)
    assert raw[:1] != b"\0"
    assert rlp.to_int(raw) == number


@pytest.mark.parametrize("raw", [b"\0", b"\0\1", b"\1" * 33, []])
def test_other_spellings_of_integers_are_refused(raw: rlp.Decoded) -> None:
    with pytest.raises(RlpError):
        rlp.to_int(raw)


def test_shapes_are_checked() -> None:
    assert rlp.to_bytes(b"ab", 2) == b"ab"
    assert rlp.to_list([b"a"], 1) == [b"a"]
    for wrong in (
        lambda: rlp.to_bytes([]),
        lambda: rlp.to_bytes(b"ab", 3),
        lambda: rlp.to_list(b"ab"),
        lambda: rlp.to_list([b"a"], 2),
    ):
        with pytest.raises(RlpError):
            wrong()
