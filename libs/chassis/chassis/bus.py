"""Connections to RabbitMQ inside a Nameko container: one that consumes, one that publishes what may be lost.

Both are used from green threads only; `chassis.rpc.client` is the one for real threads.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import structlog
from amqp import Message
from kombu import Connection
from nameko.messaging import QueueConsumer

from chassis.connections import RECOVERABLE, abandoned, opened

log = structlog.get_logger()


class BusConsumer(QueueConsumer):
    """Nameko's queue consumer, handing raw messages to its providers without a thread in between.

    A provider has `queue`, `prefetch` and `on_message(message)`, which must return quickly and never raise. The body is
    decoded by the provider, because a body that can't be decoded here would be acknowledged and lost.
    """

    def get_consumers(self, consumer_cls: Any, channel: Any) -> Any:
        """Called by kombu after each (re)connection."""
        for provider in self._providers:
            consumer = consumer_cls(
                queues=[provider.queue], on_message=partial(self._hand_over, provider)
            )
            consumer.qos(prefetch_count=provider.prefetch)
            self._consumers[provider] = consumer
        return self._consumers.values()

    def _hand_over(self, provider: Any, message: Any) -> None:
        try:
            provider.on_message(message)
        except Exception:
            log.exception("bus.handing_over_failed")
            self.requeue_message(message)

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        """Called by kombu before each wait."""
        log.warning("bus.unavailable", error=type(exc).__name__, retry_in_seconds=interval)


class DirectPublisher:
    """Publishes on one channel without confirms. On a dead connection it tries a new one once."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._channel: Any = None

    def publish(self, message: Message, exchange: str, routing_key: str) -> bool:
        """Whether the message was handed to the network. Never raises for a broken connection."""
        with self._lock:
            for _attempt in (1, 2):
                try:
                    self._open_channel().basic_publish(message, exchange, routing_key)
                    return True
                except RECOVERABLE as error:
                    log.warning("bus.publish_failed", error=type(error).__name__)
                    self._drop()
        return False

    def _open_channel(self) -> Any:
        if self._channel is None:
            # No heartbeat: nobody reads this connection between publishes; TCP keepalive finds a dead peer.
            self._connection = opened(self._url)
            self._channel = self._connection.channel()
        return self._channel

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        abandoned(connection)

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            self._drop()
