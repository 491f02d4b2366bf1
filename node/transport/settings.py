"""What the mesh takes from `[p2p]`, parsed and checked."""

from dataclasses import dataclass

from node.config import P2pConfig
from node.primitives.types import Address, address


class MeshError(Exception):
    """The mesh cannot start with these settings; says what to change."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class DialTarget:
    """A peer of the operator's list; its key must be that of `address`."""

    address: Address
    host: str
    port: int

    @property
    def endpoint(self) -> str:
        """host:port, as in URLs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """Where to listen, whom to dial, who may come beside validators."""

    host: str
    port: int
    targets: tuple[DialTarget, ...]
    observers: tuple[Address, ...]
    tls: bool
    max_peers: int

    @classmethod
    def of(cls, config: P2pConfig, own: Address) -> "MeshSettings":
        """Parse; an entry that names the node itself is left out. Raises MeshError."""
        targets = {target.address: target for target in map(parse_peer, config.peers)}
        targets.pop(own, None)
        return cls(
            host=config.host,
            port=config.port,
            targets=tuple(targets.values()),
            observers=tuple(_address(text, "observers") for text in config.observers),
            tls=config.tls,
            max_peers=config.max_peers,
        )


def parse_peer(text: str) -> DialTarget:
    """Parse "0x<address>@host:port"; IPv6 hosts in brackets. Raises MeshError."""
    who, at, endpoint = text.rpartition("@")
    host, colon, port = endpoint.rpartition(":")
    if not (at and colon and host and port.isascii() and port.isdigit()):
        raise MeshError(
            f"p2p.peers: '{text}' is not of the form 0x<node address>@host:port"
        )
    if not 0 < int(port) <= 65_535:
        raise MeshError(f"p2p.peers: '{text}': a port is between 1 and 65535")
    return DialTarget(_address(who, "peers"), host.strip("[]"), int(port))


def _address(text: str, setting: str) -> Address:
    try:
        return address(bytes.fromhex(text.removeprefix("0x")))
    except ValueError:
        raise MeshError(
            f"p2p.{setting}: '{text}' is not a node address (0x and 40 hex digits)"
        ) from None
