"""Both HTTP clients against the same servers: the same answers, the same errors.

The server is written by hand, byte by byte, because it must do what no library does:
break off, speak nonsense, close without a word.
"""

import asyncio
import datetime
import gzip
import ipaddress
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.adapters import http
from bench.adapters.contract import Outcome
from bench.adapters.http import Broken, HttpClient
from bench.compare import run_loop
from tests.bench.clients import CLIENTS_HERE

JSON = b'{"candles":[1,2,3]}'
DEADLINE_S = 30


def whole(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    pieces = [body[at : at + 2] for at in range(0, len(body), 2)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + chunks + b"0\r\n\r\n"


# What is sent for a path; whether the connection is closed after it is in CLOSED.
ANSWERS = {
    "/json": whole(JSON),
    "/chunked": chunked(JSON),
    "/gzip": whole(gzip.compress(JSON), "200 OK", "Content-Encoding: gzip"),
    "/interim": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + whole(JSON),
    "/until-close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + JSON,
    "/none": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/words": whole(b"<p>candles</p>"),
    "/refused": whole(b'{"error":{"reason":"out_of_stock"}}', "422 Unprocessable"),
    "/large": whole(json.dumps("x" * 5000).encode()),
    "/half": whole(JSON)[:-5],
    "/nothing": b"",
    "/nonsense": b"220 smtp.example ESMTP\r\n\r\n",
    "/not-gzip": whole(JSON, "200 OK", "Content-Encoding: gzip"),
    "/many-headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"b" * 100_000 + b"\r\n",
}
CLOSED = {"/until-close", "/half", "/nothing", "/nonsense", "/many-headers"}


class Server:
    """Counts connections and requests by path."""

    def __init__(self) -> None:
        self.connections = 0
        self.asked: Counter[str] = Counter()
        self.heads: list[str] = []
        self.never_came = asyncio.Event()
        self.never_left = asyncio.Event()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while head := await _head(reader):
                path = head.split()[1]
                self.heads.append(head)
                self.asked[path] += 1
                body = await reader.readexactly(_length(head))
                if path == "/never":
                    self.never_came.set()
                    await reader.read()  # until the client goes away
                    self.never_left.set()
                    break
                if path == "/echo":
                    writer.write(whole(body))
                else:
                    writer.write(ANSWERS[path])
                await writer.drain()
                if path in CLOSED:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return ""


def _length(head: str) -> int:
    for line in head.split("\r\n"):
        if line.lower().startswith("content-length:"):
            return int(line.split(":")[1])
    return 0


@asynccontextmanager
async def meeting(
    client: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[HttpClient, Server]]:
    """A client of that name and a server."""
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    http_client = HttpClient([f"http{'s' if tls else ''}://127.0.0.1:{port}"], client)
    await http_client.open()
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield http_client, server
    finally:
        await http_client.close()
        listening.close()
        await listening.wait_closed()


async def give_up(http_client: HttpClient, server: Server) -> None:
    """Ask for what never comes, and stop waiting once the server has the request."""
    asking = asyncio.create_task(http_client.request("GET", "/never"))
    await server.never_came.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await server.never_left.wait()


both = pytest.mark.parametrize("client", CLIENTS_HERE)
fast = pytest.mark.parametrize("client", CLIENTS_HERE[1:])


@both
@pytest.mark.parametrize(
    "path", ["/json", "/chunked", "/gzip", "/interim", "/until-close"]
)
async def test_a_body_comes_whole_however_it_is_framed(client: str, path: str) -> None:
    async with meeting(client) as (http_client, _):
        for _ in range(3):
            reply = await http_client.request("GET", path)
            assert (reply.status, reply.body) == (200, {"candles": [1, 2, 3]})


@both
async def test_what_is_not_json_has_no_body_and_a_refusal_has_its_reason(
    client: str,
) -> None:
    async with meeting(client) as (http_client, _):
        assert (await http_client.request("GET", "/none")).body is None
        assert (await http_client.request("GET", "/words")).body is None
        refused = await http_client.request("POST", "/refused", {"a": 1})
        assert (refused.status, refused.reason) == (422, "out_of_stock")


@both
async def test_a_body_beyond_the_limit_is_not_kept(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "BODY_BYTES_MAX", 1000)
    async with meeting(client) as (http_client, _):
        reply = await http_client.request("GET", "/large")
        assert (reply.status, reply.body) == (200, None)
        assert (await http_client.request("GET", "/json")).body is not None


@both
async def test_a_request_is_sent_with_its_body_and_its_headers(client: str) -> None:
    async with meeting(client) as (http_client, server):
        body = {"design": {"shape": 1}, "quantity": 2}
        reply = await http_client.request("PUT", "/echo", body, {"Authorization": "me"})
        assert reply.body == body
        assert "Authorization: me" in server.heads[0]
        assert "Content-Type: application/json" in server.heads[0]


@both
async def test_one_connection_serves_one_request_after_another(client: str) -> None:
    async with meeting(client) as (http_client, server):
        for _ in range(5):
            await http_client.request("POST", "/echo", {})
        assert server.connections == 1


@both
async def test_requests_at_the_same_time_get_their_own_answers(client: str) -> None:
    async with meeting(client) as (http_client, server):
        calls = [http_client.request("POST", "/echo", {"n": n}) for n in range(40)]
        replies = await asyncio.gather(*calls)
        assert [reply.body["n"] for reply in replies] == list(range(40))
        assert server.connections <= 40


@both
@pytest.mark.parametrize(
    "path", ["/half", "/nothing", "/nonsense", "/not-gzip", "/many-headers"]
)
async def test_an_answer_that_does_not_come_whole_may_have_had_an_effect(
    client: str, path: str
) -> None:
    async with meeting(client) as (http_client, server):
        with pytest.raises(Broken) as caught:
            await http_client.request("POST", path, {})
        assert caught.value.sent
        assert caught.value.answer(is_write=True).outcome is Outcome.UNKNOWN
        assert caught.value.answer(is_write=False).outcome is Outcome.FAILED
        assert server.asked[path] == 1, "what may have had an effect is not repeated"
        assert (await http_client.request("POST", "/json", {})).status == 200


@both
async def test_a_refused_connection_certainly_had_no_effect(client: str) -> None:
    async with meeting(client) as (http_client, _):
        free = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = free.sockets[0].getsockname()[1]
        free.close()
        await free.wait_closed()
        for url in (f"http://127.0.0.1:{port}/", f"https://127.0.0.1:{port}/"):
            with pytest.raises(Broken) as caught:
                await http_client.request("POST", url, {})
            assert not caught.value.sent
            assert caught.value.answer(is_write=True).outcome is Outcome.FAILED


@both
async def test_a_kept_connection_that_is_closed_meanwhile_does_no_harm(
    client: str,
) -> None:
    # The server says that it keeps the connection, and closes it.
    async with meeting(client) as (http_client, server):
        ANSWERS["/liar"] = whole(JSON)
        CLOSED.add("/liar")
        try:
            for _ in range(5):
                assert (await http_client.request("GET", "/liar")).status == 200
        finally:
            CLOSED.discard("/liar")
        assert server.connections >= 5


@both
async def test_who_stops_waiting_leaves_no_answer_for_the_next(client: str) -> None:
    async with meeting(client) as (http_client, server):
        await http_client.request("GET", "/json")
        await give_up(http_client, server)
        assert (await http_client.request("POST", "/echo", {"n": 7})).body == {"n": 7}


@both
def test_all_the_same_on_the_loop_that_load_runs_on(
    client: str, tmp_path: Path
) -> None:
    async def shop() -> None:
        async with meeting(client) as (http_client, server):
            for path in ("/json", "/chunked", "/gzip", "/until-close"):
                reply = await http_client.request("GET", path)
                assert reply.body == {"candles": [1, 2, 3]}
            for path in ("/half", "/nothing", "/nonsense"):
                with pytest.raises(Broken) as caught:
                    await http_client.request("POST", path, {})
                assert caught.value.sent
            await give_up(http_client, server)
            echo = await http_client.request("POST", "/echo", {"n": 7})
            assert echo.body == {"n": 7}
        context, _ = certificate(tmp_path)
        async with meeting(client, context) as (http_client, server):
            with pytest.raises(Broken) as caught:
                await http_client.request("POST", "/echo", {})
            assert not caught.value.sent

    run_loop(shop())


@both
async def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_request(
    client: str, tmp_path: Path
) -> None:
    context, _ = certificate(tmp_path)
    async with meeting(client, context) as (http_client, server):
        with pytest.raises(Broken) as caught:
            await http_client.request("POST", "/echo", {})
        assert not caught.value.sent
        assert server.heads == []


@fast
async def test_the_fast_client_speaks_tls(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with meeting(client, context) as (http_client, server):
        for _ in range(3):
            assert (await http_client.request("POST", "/echo", {"n": 1})).status == 200
        assert server.connections == 1


@fast
async def test_a_target_that_is_no_address_is_not_sent(client: str) -> None:
    # aiohttp encodes what the fast client refuses.
    async with meeting(client) as (http_client, server):
        for path in ("/a b", "/a\r\nX-Evil: 1", "/ä"):
            with pytest.raises(Broken) as caught:
                await http_client.request("GET", path)
            assert not caught.value.sent
        with pytest.raises(Broken, match="line break"):
            await http_client.request("GET", "/json", None, {"A": "b\r\nC: d"})
        assert server.connections == 0


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for 127.0.0.1 of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "candles")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, folder / "key.pem")
    return context, pem
