"""The connection to RabbitMQ that a Nameko container consumes from."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from amqp import Message
from kombu import Consumer
from nameko.messaging import QueueConsumer

from chassis.connections import RECOVERABLE, corked_frame_writer, send

log = structlog.get_logger()


class BusConsumer(QueueConsumer):
    """Nameko's queue consumer, handing raw messages to its providers without a thread in between.

    A provider has `queue`, `prefetch` and `on_message(message)`, which must return quickly and never raise. The body is
    decoded by the provider, because a body that can't be decoded here would be acknowledged and lost.
    """

    def get_consumers(self, consumer_cls: Any, channel: Any) -> Any:
        """Called by kombu after each (re)connection.

        Each provider has a channel of its own: a prefetch count holds for whatever starts to consume on its channel
        after it was set, and kombu starts all consumers only when all were made.
        """
        for provider in self._providers:
            self._consumers[provider] = Consumer(
                channel.connection.channel(),
                queues=[provider.queue],
                on_message=partial(self._hand_over, provider),
                prefetch_count=provider.prefetch,
                auto_declare=False,  # only the bus's administrator may
            )
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


class RpcBusConsumer(BusConsumer):
    """The connection for requests and their replies, which travel together with the acknowledgements.

    A connection of its own: under a memory alarm the broker stops reading from connections that publish, and events
    must still be acknowledged then.
    """

    @property
    def connection(self) -> Any:
        """Read by kombu at each (re)connection."""
        connection = super().connection
        connection.transport_options = {
            **connection.transport_options,
            "frame_writer": corked_frame_writer,
        }
        return connection

    def reply_and_ack(self, request: Any, reply: Message | None, exchange: str) -> None:
        """Sends the reply and, behind it in the same packet, the acknowledgement of the request.

        On a connection that was lost meanwhile neither happens, and the request is delivered again.
        """
        if not request.channel.connection:
            return
        try:
            with request.channel.connection.cork.held():
                if reply is not None:
                    send(request.channel, reply, exchange, request.properties["reply_to"])
                request.ack()
        except RECOVERABLE as error:
            log.warning("bus.reply_failed", error=type(error).__name__)
