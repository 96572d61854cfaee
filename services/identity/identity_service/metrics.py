"""Prometheus metrics of identity alone."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from chassis.metrics import BUCKETS

hashes_waiting = Gauge("tandem_hashes_waiting", "Password hashes that wait for their turn")
hashes_refused = Counter(
    "tandem_hashes_refused_total", "Calls that were refused for what they would cost", ["reason"]
)
hash_waits = Histogram(
    "tandem_hash_wait_seconds", "Password hashes by how long they waited", buckets=BUCKETS
)
