"""The admin port: /live, /ready and /metrics, for supervisors and Prometheus."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from node.config import MetricsConfig
from node.metrics import NodeCollector, exposition

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class AdminAddressTaken(Exception):
    """The port cannot be bound; says what to do."""

    exit_code = 2


class AdminServer:
    """Listens from `start` to `stop`; `port` is the bound one."""

    def __init__(
        self,
        config: MetricsConfig,
        status: Callable[[], dict[str, Any]],
        collector: NodeCollector,
    ) -> None:
        self._config = config
        self._status = status
        self._collector = collector
        self._runner: web.AppRunner | None = None
        self.port = config.port

    async def start(self) -> None:
        """Bind. Raises AdminAddressTaken."""
        app = web.Application()
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, port = self._config.host, self._config.port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise AdminAddressTaken(
                f"the admin port cannot listen on {host}:{port} ({error.strerror}): "
                "choose another with --metrics-port, or 0 for a free one"
            ) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, request: web.Request) -> web.Response:
        """The process answers."""
        return web.json_response({"live": True})

    async def _ready(self, request: web.Request) -> web.Response:
        """The node follows the chain: 503 while it catches up or its head is old."""
        status = self._status()
        ready = not status["syncing"] and not status["head"]["overdue"]
        body = {"ready": ready, "height": status["head"]["height"]}
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": PROMETHEUS_TEXT}
        return web.Response(body=exposition(self._collector), headers=headers)
