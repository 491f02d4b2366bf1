"""Names of the metrics, and how they are collected: at scrape time, from one document.

Nothing on the hot path touches a metrics library: parts count in plain integers, and a
scrape reads the status document and those counters. All names start with `chandlery_`;
units come last.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import inf
from typing import Any, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

Counters = Mapping[str, Mapping[str, int]]
"""Family -> label value -> count, e.g. {"rpc_requests": {"eth_call": 7}}."""


class Durations(Protocol):
    """A histogram, as whoever measures keeps it."""

    @property
    def bounds_s(self) -> Sequence[float]:
        """Upper bounds of the buckets; above the last comes infinity."""
        ...

    @property
    def buckets(self) -> Sequence[int]:
        """How many fell into each, infinity's included; not cumulative."""
        ...

    @property
    def sum_s(self) -> float: ...


Histograms = Mapping[str, Mapping[str, Durations]]
"""Family -> label value -> durations; the value is "" in a family without a label."""

LABELS = {
    "rpc_requests": ("method", "JSON-RPC requests answered"),
    "peer_messages_sent": ("kind", "messages sent to peers"),
    "peer_messages_received": ("kind", "messages received from peers"),
    "peer_bytes_sent": ("kind", "bytes sent to peers, by message"),
    "peer_bytes_received": ("kind", "bytes received from peers, by message"),
    "peer_refusals": ("reason", "peers and messages refused, by reason"),
    "commit_rounds": ("round", "blocks committed, by round"),
    "late_messages": ("kind", "consensus messages of heights that were final already"),
    "evidence": ("kind", "double signatures noticed since the start"),
    "pool_refused": ("reason", "transactions not admitted, by reason"),
    "pool_dropped": ("reason", "transactions dropped from the pool, by reason"),
}
HISTOGRAMS = {
    "round_seconds": ("", "how long consensus rounds lasted"),
    "durable_write_seconds": ("", "durable writes: waiting, writing and fsync"),
    "step_seconds": ("event", "steps of the consensus engine, by event"),
}


class NodeCollector(Collector):
    """Turns the status document and the counters into metrics."""

    def __init__(
        self,
        status: Callable[[], dict[str, Any]],
        counters: Callable[[], Counters],
        histograms: Callable[[], Histograms],
    ) -> None:
        self._status = status
        self._counters = counters
        self._histograms = histograms

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
            ("evidence_kept", "double signatures on record", status["evidence"]),
            ("disk_full", "1 when there is no room to write", int(status["disk_full"])),
        ):
            yield GaugeMetricFamily(f"chandlery_{name}", text, value=value)
        yield from _counter_families(self._counters())
        yield from _histogram_families(self._histograms())


def _counter_families(counters: Counters) -> Iterator[Metric]:
    for family, rows in counters.items():
        label, text = LABELS[family]
        metric = CounterMetricFamily(f"chandlery_{family}", text, labels=[label])
        for value, count in rows.items():
            metric.add_metric([value], count)
        yield metric


def _histogram_families(histograms: Histograms) -> Iterator[Metric]:
    for family, rows in histograms.items():
        label, text = HISTOGRAMS[family]
        labels = [label] if label else []
        metric = HistogramMetricFamily(f"chandlery_{family}", text, labels=labels)
        for value, durations in rows.items():
            passed = accumulate(durations.buckets)
            buckets = [
                (f"{bound:g}" if bound < inf else "+Inf", float(count))
                for bound, count in zip((*durations.bounds_s, inf), passed, strict=True)
            ]
            metric.add_metric([value] if label else [], buckets, durations.sum_s)
        yield metric


def exposition(collector: NodeCollector) -> bytes:
    """The text that a Prometheus server scrapes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)
