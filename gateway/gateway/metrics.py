"""Prometheus metrics of HTTP answers."""

from __future__ import annotations

from prometheus_client import Histogram

from chassis.metrics import BUCKETS

answered = Histogram(
    "tandem_http_answered_seconds",
    "HTTP requests answered",
    ["method", "route", "status"],
    buckets=BUCKETS,
)
