"""Precedence for the generator on a machine that it shares with its targets.

An instrument that waits milliseconds for a core measures its own wait. While the load
runs, the generator asks the system for the best it may have: real-time round robin
(needs privilege), else a short scheduling slice (any user, Linux 6.12 and later), else
it stays as it is. It uses a few per cent of a core; a gate watches that it does not use
more. What was had is recorded with the trial.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SLICE_NS = 100_000
SYSCALL_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # the first version of struct sched_attr

REAL_TIME = "real-time round robin"
SHORT_SLICE = "short slice"
USUAL = "as any process"


@contextmanager
def precedence() -> Iterator[str]:
    """Hold the best scheduling there is to be had; yields its name."""
    if sys.platform != "linux":
        yield USUAL
        return
    usual, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    name = USUAL
    try:
        # Whatever is started meanwhile gets the usual scheduling.
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(1))
        name = REAL_TIME
    except OSError:
        if _set_slice(SLICE_NS):
            name = SHORT_SLICE
    try:
        yield name
    finally:
        if name == REAL_TIME:
            with suppress(OSError):
                os.sched_setscheduler(0, usual, parameters)
        elif name == SHORT_SLICE:
            _set_slice(0)


def _set_slice(slice_ns: int) -> bool:
    """Ask for a slice within the usual policy; 0 is the system's own."""
    number = SYSCALL_SCHED_SETATTR.get(platform.machine())
    if number is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = ATTRIBUTES.pack(
        ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, slice_ns, 0, 0
    )
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(number, 0, attributes, 0)) == 0
