"""Prometheus metrics of HTTP answers."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Histogram

from chassis.metrics import BUCKETS

answers = Histogram(
    "tandem_http_answered_seconds",
    "HTTP requests answered",
    ["method", "route", "status"],
    buckets=BUCKETS,
)

costly_refused = Counter(
    "tandem_http_costly_refused_total",
    "Requests with a password that were refused because too many waited already",
    ["reason"],
)


@cache
def answered(method: str, route: str, status: int) -> Histogram:
    """The histogram of one kind of answer; found again without Prometheus' lock."""
    return answers.labels(method, route, status)
