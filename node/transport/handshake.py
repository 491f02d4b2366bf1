"""Who is there: mutual authentication by node keys, bound to the TLS channel.

    client -> server   Hello      POST /hello: what it runs, its address, a nonce
    server -> client   Challenge  its address, a nonce, its certificate's fingerprint,
                                  its signature over all of it
    client -> server   Proof      the header of the WebSocket upgrade: the hello, the
                                  server's nonce, the client's signature

Both sign keccak(rlp([domain, role, fingerprint, both nonces, both addresses, wire
version, chain id, genesis hash, fork digest, TLS or not])). The client opens the
WebSocket only to a server that presents the certificate whose fingerprint the node key
signed: nobody can sit in between, certificates may be self-signed, and no client
certificate is needed. Without TLS (measurement only; both sides must say so) a random
value of the server stands for the fingerprint, and a machine in between could take over
a connection.

A stranger makes the server remember nothing: the server's nonce is a time and a keyed
hash of the hello, so that a flood of hellos fills no table. A proof is good once and
for a few seconds. Pure: no clock, no socket, no randomness (callers pass both).
"""

import base64
import binascii
import hmac
from dataclasses import dataclass

import msgpack

from node.chain.genesis import Genesis
from node.chain.signing import Signer, Verifier
from node.consensus.codec import WIRE_VERSION
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import SignatureError
from node.primitives.types import Address, Hash32, Signature
from node.transport.frames import FrameError, Reader
from node.transport.limits import MAX_HEADER_BYTES, MAX_HELLO_BYTES, NONCE_LIFETIME_MS

DOMAIN = b"chandlery/peer/1"
CLIENT = b"client"
SERVER = b"server"
SCHEME = "Chandlery "
"""Of the Authorization header that carries the proof."""
NONCE_BYTES = 32
HELLO_FIELDS = 7


class HandshakeRefused(Exception):
    """The other side may not be a peer; the text says why and goes to it.

    `is_permanent` means that only a person can change it: no hurry to try again.
    """

    def __init__(self, reason: str, is_permanent: bool = True) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


@dataclass(frozen=True, slots=True)
class ChainIdentity:
    """What two peers must have in common."""

    chain_id: int
    genesis_hash: Hash32
    fork_digest: Hash32
    tls: bool = True
    wire_version: int = WIRE_VERSION

    @classmethod
    def of(cls, genesis: Genesis, tls: bool = True) -> "ChainIdentity":
        """The identity of a genesis file's network."""
        schedule = [
            [rlp.from_int(entry.height), entry.fork.encode()]
            for entry in genesis.consensus.fork_schedule
        ]
        digest = keccak256(rlp.encode(schedule))
        return cls(genesis.chain_id, genesis.digest, digest, tls)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client says first."""

    identity: ChainIdentity
    address: Address
    nonce: bytes

    def encode(self) -> bytes:
        """Msgpack array; `decode_hello` reads it."""
        encoded: bytes = msgpack.packb(_hello_fields(self))
        return encoded


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server answers."""

    address: Address
    nonce: bytes
    fingerprint: bytes
    signature: Signature

    def encode(self) -> bytes:
        """Msgpack array; `decode_challenge` reads it."""
        encoded: bytes = msgpack.packb(
            [self.address, self.nonce, self.fingerprint, self.signature]
        )
        return encoded


@dataclass(frozen=True, slots=True)
class Proof:
    """What a client brings to the upgrade."""

    hello: Hello
    server_nonce: bytes
    signature: Signature

    def header(self) -> str:
        """Value of the Authorization header; `decode_proof` reads it."""
        fields = [*_hello_fields(self.hello), self.server_nonce, self.signature]
        return SCHEME + base64.b64encode(msgpack.packb(fields)).decode("ascii")


def decode_hello(data: bytes) -> Hello:
    """Parse. Raises HandshakeRefused."""
    try:
        reader = Reader(data, MAX_HELLO_BYTES)
        reader.exactly(HELLO_FIELDS)
        hello = _read_hello(reader)
        _expect_end(reader)
    except FrameError as error:
        raise HandshakeRefused(f"malformed hello: {error}") from error
    return hello


def decode_challenge(data: bytes) -> Challenge:
    """Parse. Raises HandshakeRefused."""
    try:
        reader = Reader(data, MAX_HELLO_BYTES)
        reader.exactly(4)
        challenge = Challenge(
            Address(reader.fixed(20)),
            reader.fixed(NONCE_BYTES),
            reader.fixed(32),
            Signature(reader.fixed(65)),
        )
        _expect_end(reader)
    except FrameError as error:
        raise HandshakeRefused(f"malformed challenge: {error}") from error
    return challenge


def decode_proof(header: str) -> Proof:
    """Parse the header's value. Raises HandshakeRefused."""
    if not header.startswith(SCHEME) or len(header) > MAX_HEADER_BYTES:
        raise HandshakeRefused("no proof: POST /hello comes first")
    try:
        data = base64.b64decode(header.removeprefix(SCHEME), validate=True)
        reader = Reader(data, MAX_HEADER_BYTES)
        reader.exactly(HELLO_FIELDS + 2)
        hello = _read_hello(reader)
        nonce = reader.fixed(NONCE_BYTES)
        proof = Proof(hello, nonce, Signature(reader.fixed(65)))
        _expect_end(reader)
    except (FrameError, binascii.Error, ValueError) as error:
        raise HandshakeRefused(f"malformed proof: {error}") from error
    return proof


def validate_identity(ours: ChainIdentity, theirs: ChainIdentity) -> None:
    """Refuse a peer of another network, with the first difference that matters."""
    differences = (
        ("wire version", theirs.wire_version, ours.wire_version),
        ("TLS setting (p2p.tls)", theirs.tls, ours.tls),
        ("chain id", theirs.chain_id, ours.chain_id),
        ("fork schedule", theirs.fork_digest.hex(), ours.fork_digest.hex()),
        ("genesis", theirs.genesis_hash.hex(), ours.genesis_hash.hex()),
    )
    for name, other, own in differences:
        if other != own:
            raise HandshakeRefused(f"different {name}: yours {other}, here {own}")


class ServerSide:
    """The server's part. `secret` keys its nonces and lives as long as the process."""

    def __init__(
        self,
        identity: ChainIdentity,
        signer: Signer,
        verifier: Verifier,
        fingerprint: bytes,
        secret: bytes,
    ) -> None:
        self._identity = identity
        self._signer = signer
        self._verifier = verifier
        self._fingerprint = fingerprint
        self._secret = secret
        self._used: dict[bytes, int] = {}

    def challenge(self, hello: Hello, at_ms: int) -> Challenge:
        """Answer a hello. Raises HandshakeRefused."""
        self._validate(hello)
        nonce = self._nonce(hello, at_ms)
        digest = _digest(SERVER, self._fingerprint, hello, nonce, self._signer.address)
        signature = self._signer.sign(digest)
        return Challenge(self._signer.address, nonce, self._fingerprint, signature)

    def verify(self, proof: Proof, at_ms: int) -> Address:
        """The client that proved itself. Raises HandshakeRefused.

        Remembers used nonces for their lifetime; only who has a key of a peer can make
        that grow, so admission must be checked before.
        """
        self._validate(proof.hello)
        issued_ms = int.from_bytes(proof.server_nonce[:8], "big")
        expected = self._nonce(proof.hello, issued_ms)
        if not hmac.compare_digest(expected, proof.server_nonce):
            raise HandshakeRefused("the nonce is not from here", is_permanent=False)
        if not 0 <= at_ms - issued_ms <= NONCE_LIFETIME_MS:
            raise HandshakeRefused("the proof came too late", is_permanent=False)
        if proof.server_nonce in self._used:
            raise HandshakeRefused("the proof was used before", is_permanent=False)
        digest = _digest(
            CLIENT,
            self._fingerprint,
            proof.hello,
            proof.server_nonce,
            self._signer.address,
        )
        _validate_signature(
            self._verifier, digest, proof.signature, proof.hello.address
        )
        self._forget_old(at_ms)
        self._used[proof.server_nonce] = at_ms
        return proof.hello.address

    def _validate(self, hello: Hello) -> None:
        validate_identity(self._identity, hello.identity)
        if hello.address == self._signer.address:
            raise HandshakeRefused("this is the node itself, or one with its key")

    def _nonce(self, hello: Hello, issued_ms: int) -> bytes:
        issued = issued_ms.to_bytes(8, "big")
        keyed = hmac.digest(self._secret, issued + hello.encode(), "sha256")
        return issued + keyed[: NONCE_BYTES - 8]

    def _forget_old(self, at_ms: int) -> None:
        old = [n for n, used in self._used.items() if at_ms - used > NONCE_LIFETIME_MS]
        for nonce in old:
            del self._used[nonce]


def prove(
    hello: Hello,
    challenge: Challenge,
    expected: Address,
    signer: Signer,
    verifier: Verifier,
) -> Proof:
    """The client's answer to a server that has the expected key.

    Raises HandshakeRefused when it is another server, or only claims to be that one.
    """
    if challenge.address == signer.address:
        raise HandshakeRefused("this is the node itself, or one with its key")
    if challenge.address != expected:
        raise HandshakeRefused(
            f"0x{challenge.address.hex()} answers there: "
            "correct the address in p2p.peers"
        )
    fingerprint, nonce = challenge.fingerprint, challenge.nonce
    digest = _digest(SERVER, fingerprint, hello, nonce, challenge.address)
    _validate_signature(verifier, digest, challenge.signature, expected)
    digest = _digest(CLIENT, fingerprint, hello, nonce, challenge.address)
    return Proof(hello, nonce, signer.sign(digest))


def _validate_signature(
    verifier: Verifier, digest: Hash32, signature: bytes, expected: Address
) -> None:
    try:
        author = verifier.recover(digest, signature)
    except SignatureError as error:
        raise HandshakeRefused(f"the signature is none: {error}") from error
    if author != expected:
        raise HandshakeRefused("the signature is not of the claimed address")


def _digest(
    role: bytes, fingerprint: bytes, hello: Hello, nonce: bytes, server: Address
) -> Hash32:
    identity = hello.identity
    return keccak256(
        rlp.encode(
            [
                DOMAIN,
                role,
                fingerprint,
                hello.nonce,
                nonce,
                hello.address,
                server,
                rlp.from_int(identity.wire_version),
                rlp.from_int(identity.chain_id),
                identity.genesis_hash,
                identity.fork_digest,
                rlp.from_int(int(identity.tls)),
            ]
        )
    )


def _hello_fields(hello: Hello) -> list[object]:
    identity = hello.identity
    return [
        identity.wire_version,
        int(identity.tls),
        identity.chain_id,
        identity.fork_digest,
        identity.genesis_hash,
        hello.address,
        hello.nonce,
    ]


def _read_hello(reader: Reader) -> Hello:
    wire_version = reader.number()
    tls = bool(reader.number(1))
    chain_id = reader.number()
    fork_digest = Hash32(reader.fixed(32))
    genesis_hash = Hash32(reader.fixed(32))
    identity = ChainIdentity(chain_id, genesis_hash, fork_digest, tls, wire_version)
    return Hello(identity, Address(reader.fixed(20)), reader.fixed(NONCE_BYTES))


def _expect_end(reader: Reader) -> None:
    if not reader.is_done:
        raise FrameError("more than expected")
