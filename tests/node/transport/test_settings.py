"""The `[p2p]` section as the mesh reads it."""

import pytest

from node.config import P2pConfig
from node.primitives.types import Address
from node.transport.settings import MeshError, MeshSettings, parse_peer

A = Address(b"\xaa" * 20)
B = Address(b"\xbb" * 20)


def test_a_peer_is_an_address_at_a_host_and_port() -> None:
    target = parse_peer(f"0x{A.hex()}@10.0.0.1:30301")
    assert (target.address, target.host, target.port) == (A, "10.0.0.1", 30301)
    assert target.endpoint == "10.0.0.1:30301"
    assert parse_peer(f"{A.hex()}@[::1]:1").endpoint == "[::1]:1"
    assert parse_peer(f"0x{A.hex()}@node.example:65535").host == "node.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1:30301",
        f"0x{A.hex()}@10.0.0.1",
        f"0x{A.hex()}@10.0.0.1:",
        f"0x{A.hex()}@:30301",
        f"0x{A.hex()}@h:0",
        f"0x{A.hex()}@h:65536",
        f"0x{A.hex()}@h:\u0663",
        "0x1234@10.0.0.1:30301",
        "0xzz@10.0.0.1:30301",
    ],
)
def test_a_wrong_entry_is_quoted_with_what_is_expected(text: str) -> None:
    with pytest.raises(MeshError, match=r"p2p\.peers: ") as error:
        parse_peer(text)
    assert error.value.exit_code == 2


def test_the_node_itself_and_repetitions_are_left_out() -> None:
    config = P2pConfig(
        peers=tuple(
            f"0x{who.hex()}@h:{port}" for who, port in ((A, 1), (B, 2), (B, 2))
        ),
        observers=(f"0x{B.hex()}",),
    )
    settings = MeshSettings.of(config, A)
    assert [target.address for target in settings.targets] == [B]
    assert settings.observers == (B,)
    with pytest.raises(MeshError, match=r"p2p\.observers: 'x' is not"):
        MeshSettings.of(P2pConfig(observers=("x",)), A)
