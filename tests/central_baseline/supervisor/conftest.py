"""A supervisor's surroundings inside the test process."""

from collections.abc import AsyncIterator

import pytest

from central_baseline.supervisor.meter import Meter
from central_baseline.supervisor.processes import Processes


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
async def processes(meter: Meter) -> AsyncIterator[Processes]:
    with Processes(meter.on_death) as found:
        yield found
