"""Names of the metrics, and how they are collected: at scrape time, from one document.

Nothing on the hot path touches a metrics library: parts count in plain integers, and a
scrape reads the status document and those counters. All names start with `chandlery_`;
units come last.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

Counters = Mapping[str, Mapping[str, int]]
"""Family -> label value -> count, e.g. {"rpc_requests": {"eth_call": 7}}."""

LABELS = {
    "rpc_requests": ("method", "JSON-RPC requests answered"),
    "peer_messages_sent": ("kind", "messages sent to peers"),
    "peer_messages_received": ("kind", "messages received from peers"),
    "peer_bytes_sent": ("kind", "bytes sent to peers, by message"),
    "peer_bytes_received": ("kind", "bytes received from peers, by message"),
    "commit_rounds": ("round", "blocks committed, by round"),
    "pool_dropped": ("reason", "transactions dropped from the pool, by reason"),
    "fsyncs": ("file", "fsync calls, by file"),
}


class NodeCollector(Collector):
    """Turns the status document and the counters into metrics."""

    def __init__(
        self, status: Callable[[], dict[str, Any]], counters: Callable[[], Counters]
    ) -> None:
        self._status = status
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Called by the registry at each scrape."""
        status = self._status()
        missing = sum(not row["connected"] for row in status["validators"])
        consensus = status["consensus"]
        for name, text, value in (
            ("height", "height of the newest final block", status["head"]["height"]),
            ("head_age_seconds", "age of that block", status["head"]["age_s"]),
            ("consensus_round", "round of the height in work", consensus["round"]),
            ("validators", "validators of that height", len(status["validators"])),
            ("validators_missing", "of them not connected", missing),
            ("signing", "1 when this node signs", int(consensus["signing"] == "yes")),
            ("peers", "connected peers", len(status["peers"])),
            ("syncing", "1 while catching up", int(bool(status["syncing"]))),
            ("pool_executable", "executable ones", status["pool"]["executable"]),
            ("pool_gapped", "behind a missing nonce", status["pool"]["gapped"]),
            ("disk_full", "1 when there is no room to write", int(status["disk_full"])),
        ):
            yield GaugeMetricFamily(f"chandlery_{name}", text, value=value)
        yield from _counter_families(self._counters())


def _counter_families(counters: Counters) -> Iterator[Metric]:
    for family, rows in counters.items():
        label, text = LABELS[family]
        metric = CounterMetricFamily(f"chandlery_{family}", text, labels=[label])
        for value, count in rows.items():
            metric.add_metric([value], count)
        yield metric


def exposition(collector: NodeCollector) -> bytes:
    """The text that a Prometheus server scrapes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)
