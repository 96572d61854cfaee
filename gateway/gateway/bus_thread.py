"""A thread with a connection of its own to the broker, which it opens again when it is lost."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import structlog

from chassis.connections import RECOVERABLE, abandoned, opened

log = structlog.get_logger()

FIRST_DELAY = 0.1
LONGEST_DELAY = 2.0
# A connection that held so long was a good one.
LASTING_SECONDS = 5.0


class BusThread:
    """Subclasses say what is done with a connection. `start` is idempotent and must come after a fork."""

    name = "bus"

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def start(self) -> None:
        """Starts connecting."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Ends the thread and its connection."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def connected(self, channel: Any) -> None:
        """Called with each new connection's channel."""

    def turn(self, channel: Any, connection: Any) -> None:
        """Called again and again; hears and says what there is, for a moment."""

    def lost(self) -> None:
        """Called after each connection, and each attempt to get one."""

    def _run(self) -> None:
        delay = FIRST_DELAY
        while not self._closing.is_set():
            started = time.monotonic()
            try:
                self._use_a_connection()
            except RECOVERABLE as error:
                log.warning("bus_thread.lost", thread=self.name, error=type(error).__name__)
            except Exception:
                log.exception("bus_thread.failed", thread=self.name)
            self.lost()
            lasted = time.monotonic() - started > LASTING_SECONDS
            delay = FIRST_DELAY if lasted else min(delay * 2, LONGEST_DELAY)
            self._closing.wait(delay)

    def _use_a_connection(self) -> None:
        connection = opened(self._url, heartbeat=10)
        try:
            channel = connection.channel()
            self.connected(channel)
            while not self._closing.is_set():
                self.turn(channel, connection)
                connection.heartbeat_check()
        finally:
            abandoned(connection)


def drain(connection: Any, seconds: float) -> None:
    """Handles what arrives within that time."""
    until = time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while (left := until - time.monotonic()) > 0:
            connection.drain_events(timeout=left)
