"""The event loop that a generator runs on: uvloop where it is to be had."""

import asyncio


def new_loop() -> asyncio.AbstractEventLoop:
    """A new loop that is not running yet."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
