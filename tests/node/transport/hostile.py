"""A client that may misbehave at every step of the handshake and after it."""

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp

from node.chain.signing import Secp256k1Verifier
from node.primitives.secp256k1 import PrivateKey
from node.transport.certificates import client_context
from node.transport.handshake import (
    ChainIdentity,
    Hello,
    Proof,
    decode_challenge,
    prove,
)
from tests.node.transport.loopback import Loopback, TestNode


class Hostile:
    """Speaks to one node with a key of its choice."""

    def __init__(
        self, network: Loopback, node: TestNode, session: aiohttp.ClientSession
    ) -> None:
        self.node = node
        self.identity = ChainIdentity.of(network.genesis)
        self.sockets: list[aiohttp.ClientWebSocketResponse] = []
        self._session = session
        self._url = f"https://127.0.0.1:{node.mesh.port}"

    async def post(self, data: object, path: str = "/hello") -> tuple[int, bytes]:
        """(status, body) of a POST."""
        async with self._session.post(self._url + path, data=data) as response:
            return response.status, await response.read()

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """(status, body) of a plain GET."""
        async with self._session.get(self._url + path, headers=headers) as response:
            return response.status, await response.text()

    async def prove(self, key: PrivateKey, signing: PrivateKey | None = None) -> Proof:
        """A proof for the key's address, made with another key perhaps."""
        hello = Hello(self.identity, key.address, os.urandom(32))
        status, body = await self.post(hello.encode())
        assert status == 200, body
        challenge = decode_challenge(body)
        proof = prove(
            hello, challenge, self.node.address, signing or key, Secp256k1Verifier()
        )
        return replace(proof, hello=hello)

    async def upgrade(
        self, header: str, autoping: bool = True
    ) -> aiohttp.ClientWebSocketResponse:
        """Raises aiohttp.WSServerHandshakeError when the node refuses."""
        websocket = await self._session.ws_connect(
            f"{self._url}/peer",
            headers={"Authorization": header},
            max_msg_size=0,
            autoping=autoping,
        )
        self.sockets.append(websocket)
        return websocket

    async def connect(
        self, key: PrivateKey, autoping: bool = True
    ) -> aiohttp.ClientWebSocketResponse:
        """An authenticated connection: the handshake done right."""
        proof = await self.prove(key)
        websocket = await self.upgrade(proof.header(), autoping)
        await self.node.inbox.until(
            lambda: key.address in [info.address for info in self.node.mesh.peers()]
        )
        return websocket


@contextlib.asynccontextmanager
async def hostile(network: Loopback, node: TestNode) -> AsyncIterator[Hostile]:
    """A hostile client, closed at the end."""
    connector = aiohttp.TCPConnector(ssl=client_context(), force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        client = Hostile(network, node, session)
        yield client
        for websocket in client.sockets:
            await websocket.close()
