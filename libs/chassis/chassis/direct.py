"""Publishing what may be lost: requests and replies, whose loss is a timeout to the caller."""

from __future__ import annotations

import _socket
import threading
import time
from typing import Any

import structlog
from amqp import Message
from amqp.exceptions import AMQPError

from chassis.connections import (
    CONNECT_SECONDS,
    RECOVERABLE,
    Connection,
    abandoned,
    opened,
    send,
)

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
        self._failed_at = 0.0
        self._is_distrusted = False

    def publish(
        self, message: Message, exchange: str, routing_key: str, *, seconds: float = 4.0
    ) -> bool:
        """Whether the message was handed to the network within `seconds`. Never raises for a broken connection."""
        began = time.monotonic()
        if not self._lock.acquire(timeout=max(seconds, 0.001)):
            return False
        try:
            if self._is_standing() or self._is_opened(began, seconds):
                send(self._channel, message, exchange, routing_key)
                return True
        except RECOVERABLE as error:
            log.warning("bus.publish_failed", error=type(error).__name__)
            self._drop()
            self._failed_at = time.monotonic()
        finally:
            self._lock.release()
        return False

    def _is_standing(self) -> bool:
        connection = self._connection
        if connection is not None and (self._is_distrusted or not self._still_stands(connection)):
            self._drop()
        return self._connection is not None

    def _is_opened(self, began: float, seconds: float) -> bool:
        """Opens a connection in what is left of the time. Who waited while another's attempt failed makes none."""
        left = began + seconds - time.monotonic()
        if left <= 0 or self._failed_at > began:
            return False
        # No heartbeat: nobody reads this connection between publishes.
        self._connection = opened(self._url, seconds=min(left, CONNECT_SECONDS))
        self._channel = self._connection.channel()
        self._opened_at = time.monotonic()
        self._is_distrusted = False
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
        """Has the next message sent over another connection unless this one is fresh: what was sent came to nothing.

        Waits for nobody, as the caller's time is over.

        A channel of RabbitMQ's can swallow all that it sends to a quorum queue, for ever, once the queue's leader has
        died (seen with 3.10); a node that hangs does, too.
        """
        if time.monotonic() - self._opened_at > DISTRUST_SECONDS:
            self._is_distrusted = True

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
