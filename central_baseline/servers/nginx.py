"""An edge: nginx near its shoppers, keeping the shop's static files.

The promise: static files are fetched from the origin once a minute at most, and shown
stale when the origin fails; everything else passes through uncached, and nothing that
changes something is ever sent twice. X-Cache-Status tells which it was.
Source: ngx_http_proxy_module.
"""

import signal
from dataclasses import dataclass
from pathlib import Path

from central_baseline.servers.binaries import NGINX, find
from central_baseline.servers.probes import http_status
from central_baseline.supervisor.accounts import server_account
from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob

HEALTH = "/edge-health"


@dataclass(frozen=True)
class EdgePlace:
    """Where an edge listens, and where its origin does."""

    region: str
    host: str
    port: int
    origin: str  # host:port
    folder: Path
    log: Path


class EdgeServer:
    """nginx with a cache on disk."""

    name = "nginx"
    stop_signal = signal.SIGQUIT  # finish what is under way

    def __init__(self, place: EdgePlace) -> None:
        self._place = place
        self._account = server_account(find(NGINX))

    @property
    def address(self) -> str:
        return f"{self._place.host}:{self._place.port}"

    async def prepare(self, run: RunJob) -> None:
        folder = self._place.folder
        for path in (folder, folder / "cache", folder / "temp"):
            path.mkdir(parents=True, exist_ok=True)
            self._account.own(path)
        (folder / "nginx.conf").write_text(edge_config(self._place))
        (folder / "static.conf").write_text(static_config(self._place))

    def command(self) -> Command:
        folder = self._place.folder
        argv = (
            str(find(NGINX)),
            *("-p", str(folder)),
            *("-c", str(folder / "nginx.conf")),
            *("-e", "stderr"),
            *("-g", "daemon off;"),
        )
        return Command(argv, account=self._account, log=self._place.log)

    async def is_ready(self) -> bool:
        return await http_status(self._place.host, self._place.port, HEALTH) == 200

    async def after_ready(self) -> None:
        """Nothing: DNS finds it healthy by itself."""


def edge_config(place: EdgePlace) -> str:
    """nginx.conf of an edge."""
    temp = "".join(
        f"    {kind}_temp_path temp/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
{temp}    access_log off;
    server_tokens off;
    client_max_body_size 64k;
    keepalive_timeout 75s;
    proxy_cache_path cache levels=1:2 keys_zone=edge:10m max_size=200m inactive=10m
        use_temp_path=off;
    upstream origin {{ server {place.origin}; keepalive 16; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    # One upstream, one try: a purchase is never sent again on its buyer's behalf.
    proxy_next_upstream off;
    proxy_connect_timeout 1s;
    proxy_read_timeout 15s;
    server {{
        listen {place.host}:{place.port};
        add_header X-Edge {place.region} always;
        location = {HEALTH} {{ return 200 "{place.region}\\n"; }}
        location = / {{ include static.conf; }}
        location /static/ {{ include static.conf; }}
        location /api/ {{ proxy_pass http://origin; }}
        location = /openapi.json {{ proxy_pass http://origin; }}
        location / {{ return 404; }}
    }}
}}
"""


def static_config(place: EdgePlace) -> str:
    """What holds where files are cached. A location with headers inherits none."""
    return f"{_STATIC}add_header X-Edge {place.region} always;\n"


_STATIC = """\
proxy_pass http://origin;
proxy_cache edge;
proxy_cache_key "$host$uri$is_args$args";
proxy_cache_valid 200 60s;
proxy_cache_lock on;
proxy_cache_revalidate on;
proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
proxy_cache_background_update on;
proxy_ignore_headers Set-Cookie;
proxy_hide_header Set-Cookie;
add_header X-Cache-Status $upstream_cache_status always;
"""
