"""Tells the other gateway processes what was let through here, and hears it from them.

One thread with a connection of its own. Nothing here is a promise: what is lost is merely not counted elsewhere. A
process hears of the others' requests one ROUND and a moment later, so together they let through at most what comes
within that time too much.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from amqp import Message

from chassis.connections import RECOVERABLE, abandoned, opened, send
from gateway.limits.windows import Window

log = structlog.get_logger()

EXCHANGE = "gateway.limits"
ROUND = 0.2
# A process that is stuck must not fill the broker's memory, nor count in this period what came in one long ago.
QUEUE = {"x-max-length": 200, "x-message-ttl": 2000}
MOST_KEYS_IN_A_MESSAGE = 5000


class Gossip:
    """The process's voice and ear. `start` is idempotent and must come after a fork."""

    def __init__(self, amqp_url: str, windows: Mapping[str, Window]) -> None:
        self._url = amqp_url
        self._windows = windows
        self._name = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def start(self) -> None:
        """Starts talking."""
        with self._lock:
            if self._thread is None:
                self._name = uuid.uuid4().hex
                self._thread = threading.Thread(
                    target=self._talk_forever, name="limits", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Ends the thread and its connection."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _talk_forever(self) -> None:
        while not self._closing.is_set():
            try:
                self._talk_until_lost()
            except RECOVERABLE as error:
                log.warning("limits.alone", error=type(error).__name__)
            except Exception:
                log.exception("limits.failed")
            self._closing.wait(1.0)

    def _talk_until_lost(self) -> None:
        connection = opened(self._url, heartbeat=10)
        try:
            channel = connection.channel()
            self._listen(channel)
            # What was counted meanwhile belongs to periods that may be over.
            self._collect()
            while not self._closing.is_set():
                self._hear(connection, until=time.monotonic() + ROUND)
                self._tell(channel)
                connection.heartbeat_check()
        finally:
            abandoned(connection)

    def _listen(self, channel: Any) -> None:
        channel.exchange_declare(EXCHANGE, "fanout", durable=False, auto_delete=False)
        queue = channel.queue_declare("", exclusive=True, auto_delete=True, arguments=QUEUE).queue
        channel.queue_bind(queue, EXCHANGE)
        channel.basic_consume(queue, no_ack=True, callback=self._on_message)

    @staticmethod
    def _hear(connection: Any, until: float) -> None:
        with contextlib.suppress(TimeoutError):
            while (left := until - time.monotonic()) > 0:
                connection.drain_events(timeout=left)

    def _tell(self, channel: Any) -> None:
        for counts in self._collect():
            body = orjson.dumps({"from": self._name, **counts})
            send(channel, Message(body), EXCHANGE, "")

    def _collect(self) -> list[dict[str, dict[str, int]]]:
        """What was counted since the last time, in pieces that are no burden to anybody."""
        messages: list[dict[str, dict[str, int]]] = [{}]
        for name, window in self._windows.items():
            items = list(window.unsent().items())
            for start in range(0, len(items), MOST_KEYS_IN_A_MESSAGE):
                if name in messages[-1] or start:
                    messages.append({})
                messages[-1][name] = dict(items[start : start + MOST_KEYS_IN_A_MESSAGE])
        return [counts for counts in messages if counts]

    def _on_message(self, message: Any) -> None:
        try:
            told = orjson.loads(message.body)
            if told.pop("from") != self._name:
                self._count(told)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.error("limits.unreadable", error=type(error).__name__)

    def _count(self, told: dict[str, dict[str, int]]) -> None:
        now = time.time()
        for name, counts in told.items():
            # A newer process may have limits that this one doesn't know.
            if window := self._windows.get(name):
                for key, count in counts.items():
                    window.add(key, count, now)
