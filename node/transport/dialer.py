"""The dialling side: one task per peer of the operator's list, for the node's life.

It dials while the peer is not connected, with a capped backoff and jitter. The lower
address dials first and the higher one gives it a moment, so that two nodes that start
together do not meet twice. A refusal that only a person can change is tried again
rarely and logged once.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import aiohttp

from node.chain.signing import Signer, Verifier
from node.primitives.types import Address
from node.transport import limits
from node.transport.certificates import client_context
from node.transport.handshake import (
    NONCE_BYTES,
    ChainIdentity,
    HandshakeRefused,
    Hello,
    Proof,
    decode_challenge,
    prove,
)
from node.transport.peer import Peer
from node.transport.pieces import OutboundSocket
from node.transport.settings import DialTarget


class DialGate(Protocol):
    """What the dialer asks of the mesh."""

    async def wait_wanted(self, address: Address) -> None:
        """Returns when the peer may be dialled and is not connected."""
        ...

    def on_dial_failed(self, target: DialTarget, reason: str) -> None:
        """Count it and log it once."""
        ...


class Dialer:
    """Dials the targets from `start` to `stop`."""

    def __init__(
        self,
        identity: ChainIdentity,
        signer: Signer,
        verifier: Verifier,
        gate: DialGate,
        run_peer: Callable[[Peer], Awaitable[None]],
    ) -> None:
        self._identity = identity
        self._signer = signer
        self._verifier = verifier
        self._gate = gate
        self._run_peer = run_peer
        self._context = client_context() if identity.tls else None
        self._random = random.Random(os.urandom(8))
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, targets: tuple[DialTarget, ...]) -> None:
        """Begin dialling."""
        self._tasks = [asyncio.ensure_future(self._keep(target)) for target in targets]

    async def stop(self) -> None:
        """Stop dialling; connections that stand are ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, target: DialTarget) -> None:
        backoff_s = limits.BACKOFF_FIRST_S
        while True:
            await self._gate.wait_wanted(target.address)
            if self._signer.address > target.address:
                await asyncio.sleep(limits.YIELD_DIAL_S)
                await self._gate.wait_wanted(target.address)
            wait_s = backoff_s
            try:
                await self._connect(target)
                wait_s = backoff_s = limits.BACKOFF_FIRST_S
            except HandshakeRefused as refusal:
                if refusal.is_permanent:  # else: connected from the other side
                    self._gate.on_dial_failed(target, str(refusal))
                    wait_s = limits.BACKOFF_REFUSED_S
            except (OSError, aiohttp.ClientError, TimeoutError) as error:
                self._gate.on_dial_failed(target, _explain(error))
                backoff_s = min(backoff_s * 2, limits.BACKOFF_CAP_S)
            await asyncio.sleep(wait_s * self._random.uniform(0.5, 1.0))

    async def _connect(self, target: DialTarget) -> None:
        """Dial, prove, and live as long as the connection does."""
        proof, fingerprint = await self._authenticate(target)
        scheme = "wss" if self._context else "ws"
        async with self._session(fingerprint) as session:
            try:
                async with asyncio.timeout(limits.HANDSHAKE_TIMEOUT_S):
                    websocket = await session.ws_connect(
                        f"{scheme}://{target.endpoint}/peer",
                        headers={"Authorization": proof.header()},
                        heartbeat=limits.HEARTBEAT_S,
                        max_msg_size=limits.MAX_FRAME_BYTES,
                        compress=0,
                        autoping=False,
                        ssl=self._context or True,
                        timeout=aiohttp.ClientWSTimeout(
                            ws_close=limits.CLOSE_TIMEOUT_S
                        ),
                    )
            except aiohttp.WSServerHandshakeError as error:
                text = f"the upgrade was refused with status {error.status}"
                raise HandshakeRefused(text, error.status != 409) from error
            await self._run_peer(
                Peer(target.address, target.endpoint, False, websocket)
            )

    async def _authenticate(self, target: DialTarget) -> tuple[Proof, bytes]:
        """Exchange hello and challenge: (our proof, the fingerprint to insist on)."""
        scheme = "https" if self._context else "http"
        hello = Hello(self._identity, self._signer.address, os.urandom(NONCE_BYTES))
        async with (
            asyncio.timeout(limits.HANDSHAKE_TIMEOUT_S),
            self._session(None) as session,
            session.post(
                f"{scheme}://{target.endpoint}/hello",
                data=hello.encode(),
                ssl=self._context or True,
                allow_redirects=False,
            ) as response,
        ):
            body = await _read_at_most(response.content, limits.MAX_HELLO_BYTES)
            if response.status != 200:
                reason = body[: limits.MAX_REFUSAL_BYTES].decode("utf-8", "replace")
                raise HandshakeRefused(reason, response.status != 409)
        challenge = decode_challenge(body)
        proof = prove(hello, challenge, target.address, self._signer, self._verifier)
        return proof, challenge.fingerprint

    def _session(self, fingerprint: bytes | None) -> aiohttp.ClientSession:
        pinned: aiohttp.Fingerprint | bool = True
        if fingerprint is not None and self._context is not None:
            pinned = aiohttp.Fingerprint(fingerprint)
        connector = aiohttp.TCPConnector(ssl=pinned, force_close=True)
        return aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            trust_env=False,
            ws_response_class=OutboundSocket,
        )


async def _read_at_most(stream: aiohttp.StreamReader, most: int) -> bytes:
    body = b""
    while chunk := await stream.read(most + 1 - len(body)):
        body += chunk
        if len(body) > most:
            raise HandshakeRefused(f"an answer of more than {most} bytes")
    return body


def _explain(error: Exception) -> str:
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return "another certificate than the one its node key signed"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no TLS there: p2p.tls must be the same on all nodes"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection: p2p.tls must be the same on all nodes"
    return str(error) or type(error).__name__
