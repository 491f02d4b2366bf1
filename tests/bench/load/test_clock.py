"""The clock of a trial: what happens before its beginning."""

import gc
import weakref

from bench.load.clock import Clock
from bench.load.timer import PreciseTimer


class Knot:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_is_collected_before_the_beginning() -> None:
    gc.disable()
    try:
        gone = weakref.ref(Knot())
        assert gone() is not None
        clock = Clock.starting_in(0.5, PreciseTimer())
        assert gone() is None
    finally:
        gc.enable()
    assert clock.now_ns() < 0
