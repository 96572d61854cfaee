"""What every connection to RabbitMQ in the chassis has in common."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from amqp import Message, spec
from amqp.exceptions import AMQPError
from amqp.method_framing import frame_writer
from kombu import Connection

from chassis.addresses import nodes_of

# Errors after which a fresh connection is the cure. Kombu knows them per transport.
RECOVERABLE: tuple[type[BaseException], ...] = (
    *Connection("amqp://").recoverable_connection_errors,
    *Connection("amqp://").recoverable_channel_errors,
    OSError,
)


CONNECT_SECONDS = 2.0


def opened(
    amqp_url: str, *, heartbeat: int = 0, transport_options: Mapping[str, Any] | None = None
) -> Connection:
    """A connection that is established within 2 s or raises one of RECOVERABLE, or the broker's refusal.

    A node that refuses is passed over for the next at once. One that hangs takes the time of this attempt, and is the
    last to be tried by the next attempt of any connection in this process.
    Without a heartbeat TCP keepalive finds a dead peer; a connection that nobody reads can't answer heartbeats.
    """
    nodes = nodes_of(amqp_url)
    until = time.monotonic() + CONNECT_SECONDS
    failure: Exception = ConnectionError("there is no node")
    for address in nodes:
        connection = Connection(
            address,
            connect_timeout=CONNECT_SECONDS,
            heartbeat=heartbeat,
            transport_options=dict(transport_options or {}),
        )
        try:
            # Once: kombu's own second attempt would come after a pause of 2 s.
            connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
        except (*RECOVERABLE, AMQPError) as error:
            nodes.is_down(address)
            failure = error
        else:
            return connection
        if time.monotonic() > until:
            break
    raise failure


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
