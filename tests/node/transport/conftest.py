"""What tests of the transport share."""

import logging
from collections.abc import Iterator

import pytest

from tests.node.transport.loopback import LogWatch


@pytest.fixture
def logged() -> Iterator[LogWatch]:
    """The lines that the transport logs."""
    logger = logging.getLogger("node.transport")
    watch = LogWatch()
    level = logger.level
    logger.addHandler(watch)
    logger.setLevel(logging.INFO)
    yield watch
    logger.removeHandler(watch)
    logger.setLevel(level)
