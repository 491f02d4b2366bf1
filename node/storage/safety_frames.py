"""The bytes of the safety log: a header, then checksummed records.

    header  MAGIC | identity (16) | validator (20) | genesis hash (32) | checksum (16)
    record  payload length (4) | length check (4) | payload | checksum (16)

Checksums are blake2b chained over the one before (the header's is the first), so that
records cannot be reordered, dropped from the middle or taken from another log.

A crash while appending leaves an incomplete last record: it was never acted upon and is
dropped. Everything else that does not check is damage, and the log is refused: a
signature that was forgotten could be contradicted. The two are told apart like this.
An append that was cut short ends before the record does, or in bytes that were never
written: zeros from within the record to the end of the file, its checksum included or
cut at a sector of the disk. (One append may hold several records.) A record that is
complete but wrong was changed later. The length has a check of its own, or a flipped
bit in it would make the rest of the log look cut short.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from node.primitives.types import Address, Hash32

MAGIC = b"chandlery safety log 1\n"
CHECKSUM_BYTES = 16
FRAME_BYTES = 8
HEADER_BYTES = len(MAGIC) + 16 + 20 + 32 + CHECKSUM_BYTES
MAX_PAYLOAD_BYTES = 1_000_000
SECTOR_BYTES = 512
"""What a disk writes all or nothing."""


class SafetyLogCorrupt(Exception):
    """The log is damaged: the node must not sign and does not start."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Binding:
    """Whose log this is: what the header holds."""

    identity: bytes
    validator: Address
    genesis_hash: Hash32


@dataclass(frozen=True, slots=True)
class Scanned:
    """A log read back; bytes after `length` are an incomplete append."""

    binding: Binding
    payloads: tuple[bytes, ...]
    checksum: bytes
    length: int


def encode_header(binding: Binding) -> tuple[bytes, bytes]:
    """(header, its checksum, which the first record is chained to)."""
    body = MAGIC + binding.identity + binding.validator + binding.genesis_hash
    checksum = _checksum(body)
    return body + checksum, checksum


def encode_records(payloads: Iterable[bytes], checksum: bytes) -> tuple[bytes, bytes]:
    """(records, checksum of the last), chained to the checksum before them."""
    parts = []
    for payload in payloads:
        size = len(payload).to_bytes(4, "big")
        frame = size + _check_of(size, checksum)
        checksum = _checksum(checksum + frame + payload)
        parts += [frame, payload, checksum]
    return b"".join(parts), checksum


def scan(data: bytes, name: str) -> Scanned:
    """Read a whole log. Raises SafetyLogCorrupt, naming the log and the place."""
    header, checksum = data[:HEADER_BYTES], data[HEADER_BYTES - CHECKSUM_BYTES :]
    body, checksum = header[:-CHECKSUM_BYTES], checksum[:CHECKSUM_BYTES]
    if len(header) < HEADER_BYTES or _checksum(body) != checksum:
        raise _corrupt(name, 0, "its header does not check")
    at, payloads = HEADER_BYTES, []
    while at < len(data):
        size = _payload_size(data, at, checksum, name)
        end = at + FRAME_BYTES + size + CHECKSUM_BYTES
        if size < 0 or end > len(data):
            break
        found = data[end - CHECKSUM_BYTES : end]
        expected = _checksum(checksum + data[at : end - CHECKSUM_BYTES])
        if found != expected:
            if _is_unwritten(data, end, expected):
                break
            raise _corrupt(name, at, "a record does not check")
        payloads.append(data[at + FRAME_BYTES : end - CHECKSUM_BYTES])
        at, checksum = end, found
    return Scanned(_binding(body), tuple(payloads), checksum, at)


def _payload_size(data: bytes, at: int, checksum: bytes, name: str) -> int:
    """The length of the record at `at`, or -1 when its frame was never written."""
    frame = data[at : at + FRAME_BYTES]
    written = len(data.rstrip(b"\0"))
    if len(frame) < FRAME_BYTES or written <= at:
        return -1
    if at < _sector_after(written) < at + FRAME_BYTES:
        return -1
    size = int.from_bytes(frame[:4], "big")
    if frame[4:] != _check_of(frame[:4], checksum) or size > MAX_PAYLOAD_BYTES:
        raise _corrupt(name, at, "the length of a record does not check")
    return size


def _is_unwritten(data: bytes, end: int, expected: bytes) -> bool:
    """Whether the record that should end there was never written to its end."""
    written, start = len(data.rstrip(b"\0")), end - CHECKSUM_BYTES
    if written <= start:
        return True
    cut = _sector_after(written)
    return cut < end and data[start:cut] == expected[: cut - start]


def _sector_after(at: int) -> int:
    """The first boundary of sectors at or after a position."""
    return -(-at // SECTOR_BYTES) * SECTOR_BYTES


def _binding(body: bytes) -> Binding:
    at = len(MAGIC)
    return Binding(
        body[at : at + 16],
        Address(body[at + 16 : at + 36]),
        Hash32(body[at + 36 : at + 68]),
    )


def _checksum(data: bytes) -> bytes:
    return blake2b(data, digest_size=CHECKSUM_BYTES).digest()


def _check_of(size: bytes, checksum: bytes) -> bytes:
    return blake2b(size + checksum, digest_size=4).digest()


def _corrupt(name: str, at: int, what: str) -> SafetyLogCorrupt:
    return SafetyLogCorrupt(
        f"{name} is damaged at byte {at}: {what}. The node does not start, because it "
        "could contradict what it signed; check the disk, then let it sign again from "
        "a safe height with `chandlery recover`"
    )
