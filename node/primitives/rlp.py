"""Canonical RLP (Ethereum yellow paper, appendix B).

`decode` accepts exactly what `encode` makes: a different spelling of the same value,
trailing bytes and nesting deeper than MAX_DEPTH are refused, so that one value has one
hash. Integers are big-endian without leading zeros (`to_int`, `from_int`).
Own code because pyrlp costs 13 us for a header and decodes recursively without a bound.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

MAX_DEPTH = 16
_BYTES = tuple(bytes((number,)) for number in range(256))

Item: TypeAlias = "bytes | Sequence[Item]"
Decoded: TypeAlias = "bytes | list[Decoded]"


class RlpError(ValueError):
    """The bytes are not canonical RLP, or not of the expected shape."""


def encode(item: Item) -> bytes:
    """Bytes or nested sequences of bytes to RLP."""
    if isinstance(item, (bytes, bytearray)):
        size = len(item)
        if size == 1 and item[0] < 0x80:
            return bytes(item)
        return (_BYTES[0x80 + size] if size < 56 else _prefix(size, 0x80)) + item
    return encode_list([encode(part) for part in item])


def encode_list(encoded_items: Iterable[bytes]) -> bytes:
    """A list whose items are RLP already."""
    payload = b"".join(encoded_items)
    return _prefix(len(payload), 0xC0) + payload


def decode(data: bytes) -> Decoded:
    """RLP to bytes or nested lists of bytes. Raises RlpError."""
    item, end = _decode_at(data, 0, len(data), 0)
    if end != len(data):
        raise RlpError(f"{len(data) - end} trailing bytes")
    return item


def split_list(data: bytes, most: int | None = None) -> list[bytes]:
    """The items of one list, each still encoded; at most so many. Raises RlpError."""
    is_list, start, end = _bounds(data, 0, len(data))
    if not is_list or end != len(data):
        raise RlpError("expected one list and nothing after it")
    items: list[bytes] = []
    while start < end:
        if len(items) == most:
            raise RlpError(f"more than {most} items")
        _, _, item_end = _bounds(data, start, end)
        items.append(data[start:item_end])
        start = item_end
    return items


def from_int(number: int) -> bytes:
    """A non-negative integer as minimal big-endian bytes; 0 is empty."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def to_int(raw: Decoded, max_bytes: int = 32) -> int:
    """Minimal big-endian bytes to an integer. Raises RlpError."""
    data = to_bytes(raw)
    if len(data) > max_bytes or data[:1] == b"\0":
        raise RlpError("not a minimal integer of the expected size")
    return int.from_bytes(data, "big")


def to_bytes(raw: Decoded, length: int | None = None) -> bytes:
    """A decoded item as bytes of the given length. Raises RlpError."""
    if isinstance(raw, list):
        raise RlpError("expected bytes, got a list")
    if length is not None and len(raw) != length:
        raise RlpError(f"expected {length} bytes, got {len(raw)}")
    return raw


def to_list(raw: Decoded, length: int | None = None) -> list[Decoded]:
    """A decoded item as a list of the given length. Raises RlpError."""
    if not isinstance(raw, list):
        raise RlpError("expected a list, got bytes")
    if length is not None and len(raw) != length:
        raise RlpError(f"expected {length} items, got {len(raw)}")
    return raw


def _prefix(length: int, offset: int) -> bytes:
    if length < 56:
        return _BYTES[offset + length]
    if length < 256:
        return _BYTES[offset + 56] + _BYTES[length]
    size = from_int(length)
    return _BYTES[offset + 55 + len(size)] + size


def _decode_at(data: bytes, at: int, limit: int, depth: int) -> tuple[Decoded, int]:
    if depth > MAX_DEPTH:
        raise RlpError(f"nested deeper than {MAX_DEPTH}")
    is_list, start, end = _bounds(data, at, limit)
    if not is_list:
        return data[start:end], end
    items: list[Decoded] = []
    while start < end:
        size = data[start] - 0x80
        stop = start + 1 + size
        if 1 < size < 56 and stop <= end and depth < MAX_DEPTH:  # a short string
            items.append(data[start + 1 : stop])
            start = stop
        else:
            item, start = _decode_at(data, start, end, depth + 1)
            items.append(item)
    return items, end


def _bounds(data: bytes, at: int, limit: int) -> tuple[bool, int, int]:
    """(is a list, start of the payload, end of the payload) of the item at `at`."""
    if at >= limit:
        raise RlpError("ends too early")
    first = data[at]
    if first < 0x80:
        return False, at, at + 1
    is_list = first >= 0xC0
    size = first - (0xC0 if is_list else 0x80)
    start = at + 1
    if size > 55:
        width = size - 55
        start += width
        if start > limit or data[at + 1] == 0:
            raise RlpError("length of a length is wrong")
        size = int.from_bytes(data[at + 1 : start], "big")
        if size < 56:
            raise RlpError("long form of a short item")
    end = start + size
    if end > limit:
        raise RlpError("ends too early")
    if not is_list and size == 1 and start == at + 1 and data[start] < 0x80:
        raise RlpError("prefix before a single small byte")
    return is_list, start, end
