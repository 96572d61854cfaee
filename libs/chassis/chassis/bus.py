"""The connection to RabbitMQ that a Nameko container consumes from."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from nameko.messaging import QueueConsumer

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
