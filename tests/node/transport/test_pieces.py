"""Whole messages pass, however the stream is cut; the first piece of one does not."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from node.transport import limits
from node.transport.pieces import FrameHeaders

TEXT, BINARY, PING, CONTINUATION = 1, 2, 9, 0


def frame(opcode: int, payload: bytes, fin: bool = True, masked: bool = True) -> bytes:
    """RFC 6455, 5.2; the mask is zeros."""
    size = len(payload)
    mark = 0x80 if masked else 0
    if size < 126:
        length = bytes([mark | size])
    elif size < 1 << 16:
        length = bytes([mark | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([mark | 127]) + size.to_bytes(8, "big")
    head = bytes([(0x80 if fin else 0) | opcode]) + length
    return head + (bytes(4) if masked else b"") + payload


SIZES = st.one_of(st.integers(0, 140), st.integers(65_530, 65_540))
MESSAGES = st.lists(
    st.tuples(st.sampled_from([TEXT, BINARY, PING]), SIZES, st.booleans()), max_size=6
)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    """The stream cut at these places."""
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    edges = [0, *places, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


CUTS = st.lists(st.integers(0, 2**31), max_size=12)


@given(MESSAGES, CUTS)
def test_whole_messages_pass_however_the_stream_is_cut(
    messages: list[tuple[int, int, bool]], cuts: list[int]
) -> None:
    data = b"".join(frame(op, b"\x00" * n, masked=m) for op, n, m in messages)
    headers = FrameHeaders()
    assert not any(headers.has_piece(chunk) for chunk in chunks(data, cuts))


@given(MESSAGES, CUTS, st.sampled_from([(BINARY, False), (CONTINUATION, True)]))
def test_the_first_piece_of_a_message_is_found(
    messages: list[tuple[int, int, bool]], cuts: list[int], piece: tuple[int, bool]
) -> None:
    whole = b"".join(frame(op, b"\x00" * n, masked=m) for op, n, m in messages)
    headers = FrameHeaders()
    data = whole + frame(piece[0], b"\xff" * 3, fin=piece[1])
    assert any(headers.has_piece(chunk) for chunk in chunks(data, cuts))


def test_byte_by_byte_is_as_good_as_at_once() -> None:
    data = frame(BINARY, b"\x00" * 70_000) + frame(BINARY, b"x", fin=False)
    headers = FrameHeaders()
    found = [headers.has_piece(data[at : at + 1]) for at in range(len(data))]
    assert found.index(True) == len(frame(BINARY, b"\x00" * 70_000)) + 1


def test_control_frames_are_counted_and_no_more_looked_at_than_allowed() -> None:
    headers = FrameHeaders()
    assert not headers.has_piece(frame(PING, b"?") * 3 + frame(BINARY, b"x"))
    assert headers.controls == 3
    flood = frame(PING, b"") * (2 * limits.CONTROLS_BURST)
    assert not headers.has_piece(flood + frame(BINARY, b"x", fin=False))
    assert headers.controls == limits.CONTROLS_BURST + 1


def test_a_control_frame_in_pieces_of_the_stream_is_counted_once() -> None:
    headers = FrameHeaders()
    for at in range(len(data := frame(PING, b"there?"))):
        assert not headers.has_piece(data[at : at + 1])
    assert headers.controls == 1
