"""Publishing what may be lost: requests and replies, whose loss is a timeout to the caller."""

from __future__ import annotations

import _socket
import threading
import time
from typing import Any

import structlog
from amqp import Message
from amqp.exceptions import AMQPError

from chassis.connections import RECOVERABLE, Connection, abandoned, opened, send

log = structlog.get_logger()

DISTRUST_SECONDS = 3.0


class DirectPublisher:
    """One channel without confirms, for threads and green threads. On a dead connection it tries a new one once."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._channel: Any = None
        self._opened_at = 0.0

    def publish(
        self, message: Message, exchange: str, routing_key: str, *, seconds: float = 4.0
    ) -> bool:
        """Whether the message was handed to the network. Never raises for a broken connection."""
        if not self._lock.acquire(timeout=max(seconds, 0.001)):
            return False
        try:
            return self._publish(message, exchange, routing_key)
        except RECOVERABLE as error:
            log.warning("bus.publish_failed", error=type(error).__name__)
            self._drop()
            return False
        finally:
            self._lock.release()

    def _publish(self, message: Message, exchange: str, routing_key: str) -> bool:
        if self._connection is not None and not self._still_stands(self._connection):
            self._drop()
        if self._connection is None:
            # No heartbeat: nobody reads this connection between publishes.
            self._connection = opened(self._url)
            self._channel = self._connection.channel()
            self._opened_at = time.monotonic()
        send(self._channel, message, exchange, routing_key)
        return True

    def _still_stands(self, connection: Connection) -> bool:
        """Finds out that the broker closed the connection before a message disappears into it."""
        try:
            if has_something_to_read(connection.connection.transport.sock):
                connection.drain_events(timeout=0.001)
        except TimeoutError:
            return True
        except RECOVERABLE:
            return False
        except AMQPError as error:
            # Said of an earlier message, whose sender waits in vain: this one is sent over another channel.
            log.error("bus.publish_refused", error=str(error))
            return False
        return True

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        abandoned(connection)

    def reset(self) -> None:
        """Forgets the connection, because the other one to the same broker was lost."""
        with self._lock:
            self._drop()

    def distrust(self) -> None:
        """Forgets the connection unless it is fresh, because what was published came to nothing.

        A channel of RabbitMQ's can swallow all that it sends to a quorum queue, for ever, once the queue's leader has
        died (seen with 3.10); a node that hangs does, too.
        """
        if time.monotonic() - self._opened_at > DISTRUST_SECONDS:
            self.reset()

    close = reset


def has_something_to_read(sock: Any) -> bool:
    """Whether a read would not wait: data, or the end. Never gives way to another green thread, never waits.

    The C socket is asked because both Python's time-outs and eventlet's patching would wait for data.
    """
    probe = _socket.socket(sock.family, sock.type, sock.proto, sock.fileno())
    try:
        probe.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    finally:
        probe.detach()
    return True
