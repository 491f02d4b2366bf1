"""A JSON-RPC client that costs next to nothing, and a dev chain in a process for it.

What a library adds to a request is not the dev chain's: this one sends prepared bytes
over one kept connection and reads the answer.
"""

import re
import socket
import subprocess
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import orjson
import psutil

READ_BYTES = 1 << 16
TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class ClientError(Exception):
    """The chain answered with an error, or not at all."""

    exit_code = 1


class Client:
    """One connection; a request at a time."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._host = f"{where.hostname}:{where.port}"
        address = (where.hostname or "", where.port or 0)
        self._socket = socket.create_connection(address, TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def post(self, body: bytes) -> bytes:
        """The body of the answer. Raises ClientError."""
        head = (
            f"POST / HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        answer = b""
        while END_OF_HEAD not in answer:
            answer += self._read()
        found, _, content = answer.partition(END_OF_HEAD)
        length = LENGTH.search(found)
        if length is None:
            raise ClientError(f"an answer without a length: {found!r}")
        while len(content) < int(length[1]):
            content += self._read()
        return content

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a method. Raises ClientError."""
        return result_of(self.post(request(method, *params)))

    def _read(self) -> bytes:
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise ClientError("the connection was closed")
        return data


def request(method: str, *params: Any) -> bytes:
    """The bytes of a request."""
    return orjson.dumps(_request(method, params))


def batch(method: str, each: list[str]) -> bytes:
    """The bytes of a batch of one method, with one parameter each."""
    return orjson.dumps([_request(method, (only,)) for only in each])


def result_of(answer: bytes) -> Any:
    """What an answer, or each of a batch, holds. Raises ClientError."""
    parsed = orjson.loads(answer)
    if isinstance(parsed, list):
        return [_result(one) for one in parsed]
    return _result(parsed)


def _request(method: str, params: tuple[Any, ...]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def _result(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise ClientError(str(answer["error"]))
    return answer["result"]


class DevProcess:
    """`chandlery dev` on a free port; `ready_s` is how long it took to listen."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "node", "dev", "--port", "0", *words]
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.url = self._url()
        self.ready_s = time.perf_counter() - began
        self._usage = psutil.Process(self._process.pid)
        # Its log has to be read, or it waits for a reader one day.
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def __enter__(self) -> "DevProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)
        self._reader.join(STOP_TIMEOUT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def cpu_s(self) -> float:
        """Seconds of CPU that it has used."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def _read_log(self) -> None:
        for _ in self._process.stdout or ():
            pass

    def _url(self) -> str:
        said = ""
        for line in self._process.stdout or ():
            said += line
            found = re.match(r"Listening on (http://\S+)", line)
            if found:
                return found[1]
        raise ClientError(f"the dev chain ended: {said}")
