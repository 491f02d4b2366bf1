"""The calibration measures the client: against a server that answers at once."""

import pytest

from bench.load.calibration import calibrate
from bench.load.null_server import ANSWER, NullProtocol
from tests.bench.clients import CLIENTS_HERE


@pytest.mark.parametrize("client", CLIENTS_HERE)
async def test_a_client_is_measured_against_a_server_that_does_nothing(
    client: str,
) -> None:
    found = await calibrate(client)
    assert 100 < found.requests_per_cpu_s < 1_000_000
    assert 0 < found.floor_ms_p50 <= found.floor_ms_p99


class Wire:
    """A transport in memory."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


def test_every_request_is_answered_once_however_it_arrives() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    stream = request * 3
    for size in (1, 7, len(request), len(stream)):
        wire, protocol = Wire(), NullProtocol()
        protocol._transport = wire  # type: ignore[assignment]
        for at in range(0, len(stream), size):
            protocol.data_received(stream[at : at + size])
        assert wire.written == ANSWER * 3, size
