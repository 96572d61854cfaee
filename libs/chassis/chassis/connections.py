"""What every connection to RabbitMQ in the chassis has in common."""

from __future__ import annotations

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
