"""Consuming one queue, also through its deletion: a queue that is gone is looked for until it is back.

Only who administers the bus may declare a queue again (`chassis prepare`). Until then whatever else the process
consumes goes on. With kombu's own consumer it would not: that breaks off the connection, for all queues, once a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import structlog
from amqp.exceptions import NotFound
from kombu import Queue

from chassis import metrics

log = structlog.get_logger()

LOOK_SECONDS = 2.0


class QueueReader:
    """Hands a queue's messages to `on_message`, at most `prefetch` at once. A context manager, as kombu wants it.

    It has a channel of its own, as a prefetch count holds for a channel. For the thread that reads the connection.
    That is py-amqp's: kombu's would become another one when it is lost, without those who were there before.
    """

    def __init__(
        self,
        connection: Any,
        queue: Queue,
        prefetch: int,
        on_message: Callable[[Any], None],
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._prefetch = prefetch
        self._on_message = on_message
        self._channel: Any = None
        self._tag: str | None = None
        self._is_missing = False
        self._look_at = 0.0

    @property
    def is_missing(self) -> bool:
        """Whether the queue was not there when it was last looked for."""
        return self._is_missing

    @property
    def is_consuming(self) -> bool:
        """Whether the broker has promised messages, on a connection that still stands as far as it is known."""
        return self._tag is not None and bool(self._channel.is_open) and self._connection.connected

    def __enter__(self) -> Self:
        self._consume()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Nothing to do: the connection is closed next, and what is not acknowledged goes back with it."""

    def look_again(self) -> None:
        """Consumes from a queue that was missing and is there again. To be called often."""
        if self._is_missing and time.monotonic() >= self._look_at:
            self._consume()

    def cancel(self) -> None:
        """Takes no more messages. What has been taken can still be acknowledged."""
        if self._tag is not None:
            self._channel.basic_cancel(self._tag)
            self._tag = None

    def _consume(self) -> None:
        # A channel that had messages of a deleted queue stays open: others of its requests are still to be answered.
        channel = self._connection.channel()
        try:
            channel.basic_qos(0, self._prefetch, a_global=False)
            self._tag = channel.basic_consume(
                self._queue.name, callback=self._receive, on_cancel=self._on_cancel
            )
        except NotFound:
            self._miss()
            return
        self._channel = channel
        self._note(is_missing=False)

    def _receive(self, message: Any) -> None:
        self._on_message(message.channel.message_to_python(message))

    def _on_cancel(self, _tag: str) -> None:
        """Called by py-amqp when the broker says that it sends no more."""
        self._tag = None
        self._miss()

    def _miss(self) -> None:
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._note(is_missing=True)

    def _note(self, *, is_missing: bool) -> None:
        name = self._queue.name
        metrics.queue_missing.labels(name).set(is_missing)
        if is_missing and not self._is_missing:
            log.error("bus.queue_missing", queue=name)
        if self._is_missing and not is_missing:
            log.info("bus.queue_is_back", queue=name)
        self._is_missing = is_missing
