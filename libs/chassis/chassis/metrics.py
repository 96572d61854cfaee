"""Prometheus metrics that every process has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, Info

from chassis.errors import ServiceError
from chassis.time_zones import data_version

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

calls_handled = Histogram(
    "tandem_rpc_handled_seconds", "RPC requests handled", ["method", "outcome"], buckets=BUCKETS
)
calls_made = Histogram(
    "tandem_rpc_called_seconds",
    "RPC requests made",
    ["service", "method", "outcome"],
    buckets=BUCKETS,
)
late_requests = Counter(
    "tandem_rpc_late_total", "RPC requests dropped because their deadline had passed", ["method"]
)
events_handled = Histogram(
    "tandem_events_handled_seconds", "Events handled", ["handler", "outcome"], buckets=BUCKETS
)
events_sent = Counter("tandem_events_sent_total", "Events confirmed by the broker", ["event"])
events_unsent = Gauge("tandem_outbox_unsent", "Events that wait in the outbox")
oldest_unsent = Gauge("tandem_outbox_oldest_seconds", "Age of the oldest event that waits")
events_failing = Gauge(
    "tandem_outbox_failing", "Events in the outbox that the broker refused or could not route"
)
events_failed = Counter(
    "tandem_events_send_failures_total", "Events the broker refused or could not route", ["event"]
)
mails = Counter("tandem_mails_total", "Mails by what became of an attempt", ["kind", "outcome"])
mails_waiting = Gauge("tandem_mails_waiting", "Mails that wait to be sent")
mails_failed = Gauge("tandem_mails_failed", "Mails that were given up")
oldest_mail = Gauge("tandem_mails_oldest_seconds", "Age of the oldest mail that waits")
queue_missing = Gauge(
    "tandem_queue_missing", "1 while a queue that this process consumes is not there", ["queue"]
)
dead_lettered = Counter(
    "tandem_dead_letters_total", "Messages given up by this process", ["handler"]
)
dead_letters_waiting = Gauge(
    "tandem_dead_letters_waiting",
    "Messages of the service that were given up and wait for somebody",
)
event_loop_stall = Gauge(
    "tandem_event_loop_stall_seconds",
    "Longest time in the last five minutes for which the event loop stood still",
)
time_zone_data = Info("tandem_time_zone_data", "Release of the time zone data in use")
time_zone_data.info({"version": data_version()})


def handled_call(method: str, outcome: str, seconds: float) -> None:
    """Notes one handled request."""
    calls_handled.labels(method, outcome).observe(seconds)


@contextmanager
def outgoing_call(service: str, method: str) -> Iterator[None]:
    """Times one call to another service."""
    started = time.monotonic()
    outcome = "ok"
    try:
        yield
    except ServiceError as error:
        outcome = error.code
        raise
    finally:
        calls_made.labels(service, method, outcome).observe(time.monotonic() - started)
