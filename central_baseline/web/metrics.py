"""What one web server counts about itself, in Prometheus' text format."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from central_baseline.shop.cache import Cache

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """A registry of its own, so that several servers fit into one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "shop_requests_total",
            "Requests answered, by route and status",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "shop_request_seconds",
            "From the first byte of a request to its answer, by route",
            ("route",),
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.in_flight = Gauge(
            "shop_requests_in_flight", "Requests under way", registry=self._registry
        )
        self.orders = Counter(
            "shop_orders_total",
            "Orders acknowledged, new or again",
            ("answer",),
            registry=self._registry,
        )

        self._cache = Gauge(
            "shop_cache_total",
            "Reads answered by the cache (hit) or by the database (miss)",
            ("result",),
            registry=self._registry,
        )

    def watch_cache(self, cache: Cache) -> None:
        """Show the cache's own counts."""
        self._cache.labels("hit").set_function(lambda: float(cache.hits))
        self._cache.labels("miss").set_function(lambda: float(cache.misses))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request."""
        key = (method, route, status)
        if key not in self._children:
            # Routes, methods and statuses are few; finding the two by their labels
            # costs more than counting.
            self._children[key] = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(route),
            )
        requests, timings = self._children[key]
        requests.inc()
        timings.observe(seconds)

    def text(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
