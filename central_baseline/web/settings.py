"""What one web server process is told at its start.

The supervisor writes it as JSON (0600, it holds passwords) and names the file on the
command line.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class WebSettings:
    """Addresses, databases, limits of one web server."""

    name: str
    host: str
    port: int
    admin_host: str
    admin_port: int
    admin_token: str
    primary_dsn: str
    connections: int = 16  # to write by; to each replica as many
    reading_connections: int = 8  # to read by from the primary
    # How long /health says 404 before a stopping server refuses connections: time for
    # the balancer to notice. 0 where nothing stands in front.
    drain_s: float = 0.0
    share_port: bool = False  # several worker processes on one port
    replica_dsns: tuple[str, ...] = ()
    cache_address: str | None = None
    page: dict[str, str] = field(default_factory=dict)  # the storefront's config.json


def save_settings(path: Path, settings: WebSettings) -> None:
    """Write the file so that only its owner can read it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(settings), file, indent=2)


def load_settings(path: Path) -> WebSettings:
    """Read what `save_settings` wrote; TypeError for fields of another version."""
    fields = json.loads(path.read_text())
    fields["replica_dsns"] = tuple(fields["replica_dsns"])
    return WebSettings(**fields)
