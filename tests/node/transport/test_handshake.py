"""The handshake's two sides, without a network."""

from dataclasses import replace

import msgpack
import pytest

from node.chain.signing import Secp256k1Verifier
from node.consensus.codec import WIRE_VERSION
from node.primitives.types import Address, Hash32, Signature
from node.transport.handshake import (
    ChainIdentity,
    Challenge,
    HandshakeRefused,
    Hello,
    Proof,
    ServerSide,
    decode_challenge,
    decode_hello,
    decode_proof,
    prove,
    validate_identity,
)
from node.transport.limits import NONCE_LIFETIME_MS
from tests.node.transport.loopback import KEYS, genesis_of

IDENTITY = ChainIdentity.of(genesis_of(KEYS[:2]))
CLIENT, SERVER, OTHER = KEYS[:3]
FINGERPRINT = b"\xfe" * 32
VERIFIER = Secp256k1Verifier()
HELLO = Hello(IDENTITY, CLIENT.address, b"\x01" * 32)


def server(
    identity: ChainIdentity = IDENTITY, fingerprint: bytes = FINGERPRINT
) -> ServerSide:
    return ServerSide(identity, SERVER, VERIFIER, fingerprint, b"secret" * 5)


def proof_for(side: ServerSide, at_ms: int = 0, hello: Hello = HELLO) -> Proof:
    challenge = side.challenge(hello, at_ms)
    return prove(hello, challenge, SERVER.address, CLIENT, VERIFIER)


def test_both_sides_end_up_knowing_each_other() -> None:
    side = server()
    hello = decode_hello(HELLO.encode())
    assert hello == HELLO
    challenge = decode_challenge(side.challenge(hello, 5).encode())
    assert challenge.address == SERVER.address
    assert challenge.fingerprint == FINGERPRINT
    proof = prove(hello, challenge, SERVER.address, CLIENT, VERIFIER)
    assert decode_proof(proof.header()) == proof
    assert side.verify(decode_proof(proof.header()), 6) == CLIENT.address


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wire_version": WIRE_VERSION + 1}, "different wire version: yours 3, here 2"),
        ({"tls": False}, "different TLS setting"),
        ({"chain_id": 1}, "different chain id: yours 1, here 7001"),
        ({"fork_digest": Hash32(bytes(32))}, "different fork schedule"),
        ({"genesis_hash": Hash32(bytes(32))}, "different genesis"),
    ],
)
def test_another_network_is_refused_with_the_first_difference(
    change: dict[str, object], reason: str
) -> None:
    theirs = replace(IDENTITY, **change)  # type: ignore[arg-type]
    hello = replace(HELLO, identity=theirs)
    with pytest.raises(HandshakeRefused, match=reason) as refused:
        server().challenge(hello, 0)
    assert refused.value.is_permanent
    validate_identity(IDENTITY, replace(IDENTITY))


def test_a_fork_schedule_is_part_of_the_identity() -> None:
    genesis = genesis_of(KEYS[:2])
    assert ChainIdentity.of(genesis).genesis_hash == genesis.digest
    assert ChainIdentity.of(genesis, tls=False) == replace(IDENTITY, tls=False)


def test_the_node_itself_is_no_peer() -> None:
    with pytest.raises(HandshakeRefused, match="the node itself"):
        server().challenge(replace(HELLO, address=SERVER.address), 0)
    challenge = server().challenge(HELLO, 0)
    with pytest.raises(HandshakeRefused, match="the node itself"):
        prove(HELLO, challenge, SERVER.address, SERVER, VERIFIER)


def test_a_server_must_have_the_expected_key() -> None:
    challenge = server().challenge(HELLO, 0)
    with pytest.raises(HandshakeRefused, match=r"p2p\.peers"):
        prove(HELLO, challenge, OTHER.address, CLIENT, VERIFIER)
    claimed = replace(challenge, address=OTHER.address)
    with pytest.raises(HandshakeRefused, match="not of the claimed address"):
        prove(HELLO, claimed, OTHER.address, CLIENT, VERIFIER)


@pytest.mark.parametrize("field", ["nonce", "fingerprint", "signature"])
def test_a_challenge_that_was_changed_on_the_way_is_refused(field: str) -> None:
    challenge = server().challenge(HELLO, 0)
    changed = bytes([getattr(challenge, field)[0] ^ 1]) + getattr(challenge, field)[1:]
    with pytest.raises(HandshakeRefused, match="the signature is"):
        prove(
            HELLO,
            replace(challenge, **{field: changed}),
            SERVER.address,
            CLIENT,
            VERIFIER,
        )


def test_a_challenge_answers_one_hello_only() -> None:
    challenge = server().challenge(HELLO, 0)
    other = replace(HELLO, nonce=b"\x02" * 32)
    with pytest.raises(HandshakeRefused, match="not of the claimed address"):
        prove(other, challenge, SERVER.address, CLIENT, VERIFIER)


def test_a_proof_is_good_once_and_for_a_few_seconds() -> None:
    side = server()
    proof = proof_for(side, at_ms=1_000)
    with pytest.raises(HandshakeRefused, match="too late"):
        side.verify(proof, 1_001 + NONCE_LIFETIME_MS)
    with pytest.raises(HandshakeRefused, match="too late"):
        side.verify(proof, 999)
    assert side.verify(proof, 1_000 + NONCE_LIFETIME_MS) == CLIENT.address
    with pytest.raises(HandshakeRefused, match="used before") as refused:
        side.verify(proof, 1_000 + NONCE_LIFETIME_MS)
    assert not refused.value.is_permanent


def test_used_proofs_are_forgotten_after_their_lifetime() -> None:
    side = server()
    for at in range(20):
        hello = replace(HELLO, nonce=bytes([at]) * 32)
        at_ms = at * (NONCE_LIFETIME_MS + 1)
        side.verify(proof_for(side, at_ms, hello), at_ms)
        assert len(side._used) == 1


def test_a_proof_is_bound_to_this_servers_nonce_and_certificate() -> None:
    proof = proof_for(server())
    stranger = ServerSide(IDENTITY, SERVER, VERIFIER, FINGERPRINT, b"another secret")
    with pytest.raises(HandshakeRefused, match="nonce is not from here"):
        stranger.verify(proof, 0)
    renewed = server(fingerprint=b"\xfd" * 32)
    with pytest.raises(HandshakeRefused, match="not of the claimed address"):
        renewed.verify(proof, 0)


def test_a_proof_cannot_be_turned_into_somebody_elses() -> None:
    side = server()
    proof = proof_for(side)
    for changed in (
        replace(proof, hello=replace(HELLO, address=OTHER.address)),
        replace(proof, hello=replace(HELLO, nonce=b"\x09" * 32)),
        replace(proof, server_nonce=bytes(32)),
    ):
        with pytest.raises(HandshakeRefused, match="nonce is not from here"):
            side.verify(changed, 0)
    # A server's signature is none of a client's: the role is signed.
    challenge = side.challenge(replace(HELLO, address=OTHER.address), 0)
    reflected = Proof(
        replace(HELLO, address=OTHER.address), challenge.nonce, challenge.signature
    )
    with pytest.raises(HandshakeRefused, match="not of the claimed address"):
        side.verify(reflected, 0)
    broken = replace(proof, signature=Signature(bytes(65)))
    with pytest.raises(HandshakeRefused, match="the signature is none"):
        side.verify(broken, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x97",
        msgpack.packb([1]),
        HELLO.encode()[:-1],
        HELLO.encode() + b"\x00",
        bytes(600),
    ],
)
def test_malformed_handshakes_are_refused(data: bytes) -> None:
    with pytest.raises(HandshakeRefused, match="malformed hello"):
        decode_hello(data)
    with pytest.raises(HandshakeRefused, match="malformed challenge"):
        decode_challenge(data)


def test_malformed_proofs_are_refused() -> None:
    good = proof_for(server()).header()
    for header in ("", "Basic abc", "Chandlery " + "A" * 3_000):
        with pytest.raises(HandshakeRefused, match="no proof"):
            decode_proof(header)
    for header in (good[:-8], good + "AAAA", good + "!", "Chandlery \u00e9"):
        with pytest.raises(HandshakeRefused, match="malformed proof"):
            decode_proof(header)


def test_a_hello_fits_its_limit_with_the_largest_numbers() -> None:
    identity = ChainIdentity(
        2**63 - 1, Hash32(bytes(32)), Hash32(bytes(32)), True, 2**63 - 1
    )
    hello = Hello(identity, Address(b"\xff" * 20), b"\xff" * 32)
    assert decode_hello(hello.encode()) == hello
    challenge = Challenge(SERVER.address, bytes(32), bytes(32), Signature(b"\xff" * 65))
    assert decode_challenge(challenge.encode()) == challenge
