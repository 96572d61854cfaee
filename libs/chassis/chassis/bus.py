"""The connection to RabbitMQ that a Nameko container consumes from."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import structlog
from amqp import Message

from chassis.connections import RECOVERABLE, Connection, corked_frame_writer, send
from chassis.queue_reader import QueueReader
from chassis.steady import SteadyConsumer

log = structlog.get_logger()

# Seconds between two attempts to reach the broker.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0

# The longest wait for a message between two looks at what else there is to do.
TURN_SECONDS = 1.0
# A loop that has not turned for so long stands still.
STILL_SECONDS = 5.0


class BusConsumer(SteadyConsumer):
    """Nameko's queue consumer, handing raw messages to its providers without a thread in between.

    A provider has `queue`, `prefetch` and `on_message(message)`, which must return quickly and never raise. The body is
    decoded by the provider, because a body that can't be decoded here would be acknowledged and lost.
    """

    _pending_remove_providers: dict[Any, Any]
    _connection: Any = None
    _turned_at = 0.0

    def consume(self, *_: Any, **__: Any) -> Iterator[None]:
        """Called by kombu for each connection; hands over its messages until it is lost, which raises.

        kombu's own drains whatever its connection has become meanwhile, and leaves the heartbeats to quiet seconds.
        """
        with self.consumer_context() as (_, channel, _):
            connection = self._connection = channel.connection
            while not self.should_stop:
                self.on_iteration()
                self._turned_at = time.monotonic()
                with suppress(TimeoutError):
                    connection.drain_events(timeout=TURN_SECONDS)
                connection.heartbeat_tick()
                yield

    def get_consumers(self, consumer_cls: Any, channel: Any) -> Any:
        """Called by kombu after each (re)connection."""
        for provider in self._providers:
            self._consumers[provider] = QueueReader(
                channel.connection,
                provider.queue,
                provider.prefetch,
                partial(self._hand_over, provider),
            )
        return self._consumers.values()

    def on_iteration(self) -> None:
        """Called by kombu between any two messages, and once a second.

        Nameko's would end the connection with the last consumer, while workers still have to answer over it.
        """
        self._cancel_consumers_if_requested()
        for reader in self._consumers.values():
            reader.look_again()

    def stop(self) -> None:
        """Called by Nameko when all workers are done."""
        self.wait_for_providers()
        self.should_stop = True
        super().stop()

    def missing_queues(self) -> list[str]:
        """Queues that it ought to consume and that are not there."""
        readers = list(self._consumers.items())
        return sorted(provider.queue.name for provider, reader in readers if reader.is_missing)

    def queues(self) -> list[str]:
        """Queues that it ought to consume."""
        return sorted(provider.queue.name for provider in self._providers)

    def unconsumed_queues(self) -> list[str]:
        """Queues that it does not consume now, though as far as it knows they are there."""
        is_still = time.monotonic() - self._turned_at > STILL_SECONDS
        consumed = {
            provider.queue.name
            for provider, reader in list(self._consumers.items())
            if reader.is_missing or (reader.is_consuming and not is_still)
        }
        return [name for name in self.queues() if name not in consumed]

    def begin_anew(self) -> None:
        """Breaks the connection off under whatever waits for it, so that another one is made. From any green thread."""
        transport = self._connection and self._connection.connected and self._connection.transport
        if transport:
            with suppress(OSError):
                transport.sock.shutdown(socket.SHUT_RDWR)

    def ack_message(self, message: Any) -> None:
        """As Nameko's, which lets an error of the operating system end the whole process."""
        with suppress(*RECOVERABLE):
            super().ack_message(message)

    def requeue_message(self, message: Any) -> None:
        """The same. What could not be given back goes back with the connection."""
        with suppress(*RECOVERABLE):
            super().requeue_message(message)

    def _hand_over(self, provider: Any, message: Any) -> None:
        try:
            provider.on_message(message)
        except Exception:
            log.exception("bus.handing_over_failed")
            self.requeue_message(message)

    @contextmanager
    def establish_connection(self) -> Iterator[Connection]:
        """Called by kombu. Its own pauses grow to half a minute, in which a broker that is back has to wait for us."""
        with self.create_connection() as connection:
            connection.ensure_connection(
                self.on_connection_error,
                interval_start=FIRST_PAUSE,
                interval_step=FIRST_PAUSE,
                interval_max=LONGEST_PAUSE,
                reraise_as_library_errors=False,
            )
            yield connection

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        """Called by kombu before each wait. Who is to stop need not wait for the broker."""
        log.warning("bus.unavailable", error=type(exc).__name__, retry_in_seconds=interval)
        self._cancel_consumers_if_requested()
        if self.should_stop:
            raise exc

    def _cancel_consumers_if_requested(self) -> None:
        """As Nameko's, which never tells those behind one whose connection turns out to be dead."""
        requested, self._pending_remove_providers = self._pending_remove_providers, {}
        for provider, removed in requested.items():
            reader = self._consumers.pop(provider, None)
            with suppress(*RECOVERABLE):
                if reader is not None:
                    reader.cancel()
            removed.send()


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
