"""Packet filters for a cgroup, written straight in the kernel's own bytecode.

The problem: to cut one component off from the others on one machine, its packets must
be told from theirs, and all of them talk through loopback. The promise: a program of a
few instructions, checked by the kernel before it runs, drops or counts the packets of
one cgroup and of no other; it goes when its descriptor is closed. Needs root and
cgroup2; no tool, no kernel module. IPv4 alone is looked into.

Source: bpf(2); Linux Documentation/bpf/standardization/instruction-set.rst and
include/uapi/linux/bpf.h (numbers of commands, helpers, program and attach types).
"""

import ctypes
import errno
import os
import platform
import socket
import struct
from collections.abc import Sequence
from enum import IntEnum

SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
MAP_CREATE, MAP_LOOKUP, PROG_LOAD, PROG_ATTACH, PROG_DETACH = 0, 1, 5, 8, 9
MAP_TYPE_ARRAY, PROG_TYPE_CGROUP_SKB = 2, 8
ALLOW_MULTI = 2  # several programs on one cgroup: a packet must pass all of them
ATTRIBUTE_BYTES = 128
LICENCE = b"Apache-2.0"
PORTS_MAX = 64

# Offsets in an IPv4 packet without options, as loopback has them.
SOURCE_PORT_AT, TARGET_PORT_AT = 20, 22
CALL_LOOKUP, CALL_RANDOM, CALL_LOAD_BYTES = 1, 7, 26
R0, R1, R2, R3, R4, R6, R7, FRAME = 0, 1, 2, 3, 4, 6, 7, 10


class Way(IntEnum):
    """The direction of a packet, as the component sees it (the attach type)."""

    IN = 0
    OUT = 1


class KernelRefusal(OSError):
    """The kernel took no program; the text says why."""


def _instruction(
    code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0
) -> bytes:
    return struct.pack("<BBhi", code, target | source << 4, offset, value)


def _move(target: int, value: int) -> bytes:
    return _instruction(0xB7, target, value=value)


def _copy(target: int, source: int) -> bytes:
    return _instruction(0xBF, target, source)


def _add(target: int, value: int) -> bytes:
    return _instruction(0x07, target, value=value)


def _call(helper: int) -> bytes:
    return _instruction(0x85, value=helper)


EXIT = _instruction(0x95)
DROP, PASS = _move(R0, 0) + EXIT, _move(R0, 1) + EXIT
STEP = 8  # bytes of an instruction


def drop_program(share: float = 1.0, ports: Sequence[int] = (), at: int = 0) -> bytes:
    """Drop this share of the packets; with `ports`, only of those that have one of
    them at the offset `at`."""
    if len(ports) > PORTS_MAX:
        raise ValueError(f"at most {PORTS_MAX} ports in one filter")
    chance = DROP
    if share < 1.0:
        limit = int(share * 2**32)
        limit = limit - 2**32 if limit >= 2**31 else limit
        # if (u32) random < limit: drop, else pass
        chance = _call(CALL_RANDOM) + _instruction(0xA6, R0, offset=2, value=limit)
        chance += PASS + DROP
    if not ports:
        return chance
    return _port_match(ports, at) + PASS + chance


def _port_match(ports: Sequence[int], at: int) -> bytes:
    """Fall through unless the packet has one of the ports; then jump over two."""
    load = (
        _move(R2, at)
        + _copy(R3, FRAME)
        + _add(R3, -8)
        + _move(R4, 2)
        + _call(CALL_LOAD_BYTES)
        # An unreadable packet is none of ours: over the load and the comparisons.
        + _instruction(0x55, R0, offset=1 + len(ports))
        + _instruction(0x69, R7, FRAME, -8)
    )
    compare = b"".join(
        _instruction(0x15, R7, offset=len(ports) - number + 1, value=socket.htons(port))
        for number, port in enumerate(ports)
    )
    return load + compare


def count_program(counter: int) -> bytes:
    """Add each packet's length to the one number of the map, and let it pass."""
    return (
        _instruction(0x61, R6, R1)  # the length is the first field of the context
        + _instruction(0x62, FRAME, offset=-4)
        + _copy(R2, FRAME)
        + _add(R2, -4)
        + _instruction(0x18, R1, 1, value=counter)
        + _instruction(0)
        + _call(CALL_LOOKUP)
        + _instruction(0x15, R0, offset=1)
        + _instruction(0xDB, R0, R6)
        + PASS
    )


def load(program: bytes) -> int:
    """Have the kernel check and take a program; returns its descriptor."""
    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(LICENCE)
    log = ctypes.create_string_buffer(1 << 16)
    return _bpf(
        PROG_LOAD,
        struct.pack(
            "<IIQQIIQI",
            PROG_TYPE_CGROUP_SKB,
            len(program) // STEP,
            ctypes.addressof(code),
            ctypes.addressof(licence),
            1,
            len(log),
            ctypes.addressof(log),
            0,
        ),
        log,
    )


def make_counter() -> int:
    """A map that holds one 64-bit number; returns its descriptor."""
    return _bpf(MAP_CREATE, struct.pack("<IIII", MAP_TYPE_ARRAY, 4, 8, 1))


def read_counter(counter: int) -> int:
    """The number in a map made by `make_counter`."""
    key = ctypes.create_string_buffer(4)
    value = ctypes.create_string_buffer(8)
    where = (ctypes.addressof(key), ctypes.addressof(value))
    _bpf(MAP_LOOKUP, struct.pack("<IIQQQ", counter, 0, *where, 0))
    return int(struct.unpack("<Q", value.raw)[0])


def attach(cgroup: int, program: int, way: Way) -> None:
    """Let a program see the packets of the cgroup (an open descriptor of it)."""
    _bpf(PROG_ATTACH, struct.pack("<IIII", cgroup, program, way, ALLOW_MULTI))


def detach(cgroup: int, program: int, way: Way) -> None:
    """Take it away again."""
    _bpf(PROG_DETACH, struct.pack("<IIII", cgroup, program, way, 0))


def _bpf(
    command: int,
    attributes: bytes,
    log: "ctypes.Array[ctypes.c_char] | None" = None,
) -> int:
    if SYS_BPF is None:
        raise KernelRefusal(errno.ENOSYS, f"no bpf(2) known for {platform.machine()}")
    padded = attributes.ljust(ATTRIBUTE_BYTES, b"\0")
    buffer = ctypes.create_string_buffer(padded, ATTRIBUTE_BYTES)
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(SYS_BPF, command, buffer, ATTRIBUTE_BYTES))
    if result < 0:
        number = ctypes.get_errno()
        said = log.value.decode(errors="replace").strip() if log is not None else ""
        raise KernelRefusal(number, f"bpf: {os.strerror(number)}. {said}".strip())
    return result
