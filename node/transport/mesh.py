"""The mesh: authenticated connections to all peers, behind the driver's `Network` port.

Lifecycle, all on one loop:

    mesh = Mesh(config.p2p, key, genesis, directory / "tls")   # reads the certificate
    mesh.admit(validators)       # from the driver; before it only observers may connect
    await mesh.start(inbox)      # binds the port, dials the list; returns at once
    mesh.port                    # the bound port (p2p.port = 0: chosen by the system)
    await mesh.stop()            # ends all connections and tasks

The constructor raises MeshError (exit code 2: a setting) or CertificateError (3: the
certificate is unusable or readable by others), `start` MeshError when the port is
taken. `create_certificate` (node.transport.certificates) makes what `directory / "tls"`
must hold; with p2p.tls = false (measurement only, on every node or on none) nothing is
read from there. `counters()` gives the families of `node.metrics`.

Each pair of nodes keeps one connection. When both dialled, the one that the lower
address made stays; a newer connection in the same direction replaces the older, for a
peer that restarted comes back before its old connection is missed.
"""

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from node.chain.genesis import Genesis
from node.chain.signing import Secp256k1Verifier, Signer, SigningDomain, Verifier
from node.config import P2pConfig
from node.driver.ports import Inbox, PeerInfo, WireMessage
from node.gossip.messages import Status
from node.primitives.types import Address
from node.transport import limits
from node.transport.admission import Admission
from node.transport.certificates import fingerprint_of, server_context
from node.transport.counters import MeshCounters
from node.transport.dialer import Dialer
from node.transport.frames import LANES, FrameError, Lane, decode, encode
from node.transport.handshake import ChainIdentity, HandshakeRefused, ServerSide
from node.transport.listener import Listener
from node.transport.peer import Peer
from node.transport.settings import DialTarget, MeshSettings

log = logging.getLogger(__name__)


class Mesh:
    """Implements `node.driver.ports.Network`; see the module's docstring."""

    def __init__(
        self,
        config: P2pConfig,
        signer: Signer,
        genesis: Genesis,
        tls_directory: Path,
        verifier: Verifier | None = None,
    ) -> None:
        self.settings = MeshSettings.of(config, signer.address)
        self.count = MeshCounters()
        self._signer = signer
        self._domain = SigningDomain(genesis.chain_id, genesis.digest)
        self._verifier = verifier or Secp256k1Verifier()
        self._admission = Admission(self.settings.observers)
        self._peers: dict[Address, Peer] = {}
        self._changed = asyncio.Event()
        self._inbox: Inbox | None = None
        tls = self.settings.tls
        identity = ChainIdentity.of(genesis, tls)
        context = server_context(tls_directory) if tls else None
        fingerprint = fingerprint_of(tls_directory) if tls else os.urandom(32)
        server_side = ServerSide(
            identity, signer, self._verifier, fingerprint, os.urandom(32)
        )
        endpoint = (self.settings.host, self.settings.port)
        self._listener = Listener(endpoint, context, server_side, self, self._run_peer)
        self._dialer = Dialer(identity, signer, self._verifier, self, self._run_peer)

    # Lifecycle

    @property
    def port(self) -> int:
        """The bound port, 0 before `start`."""
        return self._listener.port

    async def start(self, inbox: Inbox) -> None:
        """Listen and dial; the inbox is called on this loop. Raises MeshError."""
        self._inbox = inbox
        await self._listener.start()
        self._dialer.start(self.settings.targets)

    async def stop(self) -> None:
        """End everything."""
        for peer in list(self._peers.values()):
            peer.end("the node stops")
        await self._dialer.stop()
        await self._listener.stop()

    # Network

    def send(self, peer: Address, message: WireMessage) -> None:
        """Queue for one peer; a peer that is not connected is ignored."""
        connected = self._peers.get(peer)
        if connected is not None:
            self._enqueue([connected], message)

    def broadcast(self, message: WireMessage) -> None:
        """Queue for every connected peer; encoded once."""
        if self._peers:
            self._enqueue(list(self._peers.values()), message)

    def peers(self) -> list[PeerInfo]:
        """Connected peers, in the order of their connection."""
        return [
            PeerInfo(peer.address, peer.endpoint, peer.inbound, peer.height)
            for peer in self._peers.values()
        ]

    def report(self, peer: Address, reason: str) -> None:
        """Lower the peer's score; at the limit it is disconnected and banned."""
        self._penalize(peer, limits.REPORT_PENALTY, reason)

    def admit(self, validators: Sequence[Address]) -> None:
        """The validators and candidates of the current state: who may connect."""
        self._admission.set_members(validators)
        for peer in list(self._peers.values()):
            dialled_well = not peer.inbound and self._admission.may_dial(peer.address)
            if not (dialled_well or self._admission.may_connect(peer.address)):
                self._remove(peer, "not a validator any more")
        self._notify()

    def counters(self) -> dict[str, dict[str, int]]:
        """Messages and bytes by kind, under the names of `node.metrics`."""
        return self.count.families()

    # What listener and dialer ask

    def validate_stranger(self, address: Address) -> None:
        """Raises HandshakeRefused when the address may not be a peer now."""
        if not self._admission.may_connect(address):
            raise HandshakeRefused(
                f"0x{address.hex()} is no validator, candidate or observer here"
            )
        if self._admission.ban_left_ms(address, _now_ms()):
            raise HandshakeRefused(f"0x{address.hex()} is banned for a while")

    def validate_inbound(self, address: Address) -> None:
        """Raises HandshakeRefused when the connection is not wanted."""
        current = self._peers.get(address)
        if current is None:
            if len(self._peers) >= self.settings.max_peers:
                raise HandshakeRefused(f"full: {len(self._peers)} peers", False)
        elif not self._is_preferred(address, True, current):
            raise HandshakeRefused("connected already", is_permanent=False)

    def on_refused(self, who: str, refusal: HandshakeRefused) -> None:
        """Count a refusal; log each reason once."""
        if self.count.refused(str(refusal)) and refusal.is_permanent:
            log.warning("refused a connection from %s: %s", who, refusal)

    async def wait_wanted(self, address: Address) -> None:
        """Returns when the peer may be dialled and is not connected."""

        while True:
            if address in self._peers or not self._admission.may_dial(address):
                await self._changed.wait()
            elif left_ms := self._admission.ban_left_ms(address, _now_ms()):
                await asyncio.sleep(left_ms / 1000)
            else:
                return

    def on_dial_failed(self, target: DialTarget, reason: str) -> None:
        """Count a failed attempt; log each reason once for a peer."""
        text = f"0x{target.address.hex()} at {target.endpoint}: {reason}"
        if self.count.refused(text):
            log.warning("cannot connect to %s", text)

    # Peers

    async def _run_peer(self, peer: Peer) -> None:
        """Adopt a connection and serve it to its end."""
        if not self._adopt(peer):
            peer.end("connected already")
        reason = ""
        try:
            reason = await peer.run(self._on_data)
        except FrameError as error:
            reason = str(error)
            self._penalize(peer.address, limits.FRAME_PENALTY, reason)
        except Exception:
            # Whatever fails on a peer's message costs that peer's connection, not the
            # task that dials or listens.
            reason = "a fault of this node"
            log.exception("serving a peer failed")
        finally:
            self._remove(peer, reason)
            await peer.close()

    def _adopt(self, peer: Peer) -> bool:
        current = self._peers.get(peer.address)
        if current is not None:
            if not self._is_preferred(peer.address, peer.inbound, current):
                return False
            self._remove(current, "replaced by a newer connection")
        self._peers[peer.address] = peer
        log.info(
            "connected, %d peers",
            len(self._peers),
            extra={"peer": f"0x{peer.address.hex()}"},
        )
        self._notify()
        if self._inbox is not None:
            self._inbox.on_connected(peer.address)
        return True

    def _notify(self) -> None:
        """Wake whoever waits for a change of peers or of membership."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _is_preferred(self, address: Address, inbound: bool, current: Peer) -> bool:
        """Whether a new connection takes the place of the current one."""
        if inbound == current.inbound:
            return True
        return inbound == (address < self._signer.address)

    def _remove(self, peer: Peer, reason: str) -> None:
        peer.end(reason)
        if self._peers.get(peer.address) is not peer:
            return
        del self._peers[peer.address]
        log.info(
            "disconnected: %s, %d peers",
            reason,
            len(self._peers),
            extra={"peer": f"0x{peer.address.hex()}"},
        )
        self._notify()
        if self._inbox is not None:
            self._inbox.on_disconnected(peer.address)

    def _on_data(self, peer: Peer, data: bytes) -> Iterator[int]:
        """Decode one WebSocket message and hand its messages on; what each costs."""
        for item in decode(data, self._domain, self._verifier):
            if self._peers.get(peer.address) is not peer or self._inbox is None:
                break
            message = item.message
            self.count.received(message, item.size)
            if isinstance(message, Status):
                peer.height = message.height
            self._inbox.on_message(peer.address, message)
            yield item.cost

    def _enqueue(self, peers: Sequence[Peer], message: WireMessage) -> None:
        frame = encode(message)
        lane = LANES.get(type(message), Lane.NORMAL)
        copies = sum(peer.enqueue(frame, lane) for peer in peers)
        self.count.sent(message, len(frame), copies)

    def _penalize(self, address: Address, points: int, reason: str) -> None:
        who = f"0x{address.hex()}"
        if self.count.refused(f"{who}: {reason}"):
            log.warning("misbehaviour: %s", reason, extra={"peer": who})
        if self._admission.penalize(address, points, _now_ms()):
            log.warning("banned for %d s", limits.BAN_MS // 1000, extra={"peer": who})
            peer = self._peers.get(address)
            if peer is not None:
                self._remove(peer, f"banned: {reason}")


def _now_ms() -> int:
    return int(time.monotonic() * 1000)
