"""What every connection to RabbitMQ in the chassis has in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amqp import Message, spec
from amqp.method_framing import frame_writer
from kombu import Connection

# Errors after which a fresh connection is the cure. Kombu knows them per transport.
RECOVERABLE: tuple[type[BaseException], ...] = (
    *Connection("amqp://").recoverable_connection_errors,
    *Connection("amqp://").recoverable_channel_errors,
    OSError,
)


def opened(amqp_url: str, *, heartbeat: int = 0) -> Connection:
    """A connection that is established within 2 s or raises one of RECOVERABLE.

    Without a heartbeat TCP keepalive finds a dead peer; a connection that nobody reads can't answer heartbeats.
    """
    connection = Connection(amqp_url, connect_timeout=2, heartbeat=heartbeat)
    connection.connect()
    return connection


def abandoned(connection: Connection | None) -> None:
    """Closes a connection without the closing handshake, which a dead peer would never finish."""
    if connection is not None:
        connection.collect(socket_timeout=1)


def send(
    channel: Any, message: Message, exchange: str, routing_key: str, *, mandatory: bool = False
) -> None:
    """Publishes, and nothing else: py-amqp's `basic_publish` first reads, which is another thread's business."""
    arguments = (0, exchange, routing_key, mandatory, False)
    channel.send_method(spec.Basic.Publish, "Bssbb", arguments, message)


class Cork:
    """py-amqp's way to the socket, with a stopper: what is written while it is in goes out as one."""

    def __init__(self, transport: Any) -> None:
        self._write = transport.write
        self._held: list[bytes] | None = None

    def write(self, frame: bytes | memoryview) -> None:
        """Called by py-amqp for each method."""
        if self._held is None:
            self._write(frame)
        else:
            self._held.append(bytes(frame))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Sends what the block writes in one system call. The block must not give way to another thread."""
        held: list[bytes] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            if held:
                self._write(b"".join(held))


def corked_frame_writer(connection: Any, transport: Any) -> Any:
    """A `frame_writer` for py-amqp's Connection, which then has a `cork`."""
    connection.cork = Cork(transport)
    return frame_writer(connection, connection.cork)
