"""What every connection to RabbitMQ in the chassis has in common."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn

from amqp import Message, spec
from amqp.exceptions import AMQPError, RecoverableConnectionError
from amqp.method_framing import frame_writer
from kombu import Connection as KombuConnection
from kombu.transport.pyamqp import Connection as PyAmqpConnection

from chassis.addresses import nodes_of

# Errors after which a fresh connection is the cure. Kombu knows them per transport.
RECOVERABLE: tuple[type[BaseException], ...] = (
    *KombuConnection("amqp://").recoverable_connection_errors,
    *KombuConnection("amqp://").recoverable_channel_errors,
    OSError,
)


CONNECT_SECONDS = 2.0


def raise_lost() -> NoReturn:
    """Raises the error of a connection that has ended, one of RECOVERABLE."""
    raise RecoverableConnectionError("the connection to the broker was lost")


class SingleUseConnection(PyAmqpConnection):  # type: ignore[misc,unused-ignore]
    """py-amqp's connection, less its habit of connecting again when a closed one is used."""

    def connect(self, *args: Any, **options: Any) -> Any:
        """Called by kombu, once."""
        if self._handshake_complete and not self.connected:
            raise_lost()
        return super().connect(*args, **options)

    def _warn_force_connect(self, attr: str) -> NoReturn:
        """Called by py-amqp just before it would connect again: to a socket alone, without a login or a channel."""
        raise_lost()

    def blocking_read(self, timeout: float | None = None) -> Any:
        """Called by py-amqp for each frame. Nothing is read once a write has failed: half a frame may have gone out."""
        if not self.connected:
            raise_lost()
        return super().blocking_read(timeout)


class Connection(KombuConnection):  # type: ignore[misc,unused-ignore]
    """Connects once. When the connection is lost, whatever is done with it raises one of RECOVERABLE.

    kombu's own opens another one instead, silently and whenever it is used: one without channels and consumers, on
    which the user then waits for ever. Whoever lost this one makes another, with all that belongs to it.
    """

    _was_established = False

    def create_transport(self) -> Any:
        """Called by kombu when it connects."""
        transport = super().create_transport()
        transport.Connection = SingleUseConnection
        return transport

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        """Called by kombu for everything that needs a connection."""
        if self._was_established and not self.connected:
            raise_lost()
        connection = super()._ensure_connection(*args, **options)
        self._was_established = True
        return connection

    def channel(self) -> Any:
        """Opens a channel within 2 s. py-amqp would wait for a broker that hangs until it hangs no more."""
        with self.connection.transport.having_timeout(CONNECT_SECONDS):
            return super().channel()

    @property
    def connection(self) -> Any:
        """The one py-amqp connection. kombu answers None once it is closed."""
        return super().connection or raise_lost()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Says goodbye, but not after an error: a dead node would never say its part of it."""
        if error is not None:
            abandoned(self)
        super().__exit__(kind, error, trace)


def opened(
    amqp_url: str,
    *,
    heartbeat: int = 0,
    transport_options: Mapping[str, Any] | None = None,
    seconds: float = CONNECT_SECONDS,
) -> Connection:
    """A connection that is established within `seconds` or raises one of RECOVERABLE, or the broker's refusal.

    A node that refuses is passed over for the next at once. One that hangs takes the time of this attempt, and is the
    last to be tried by the next attempt of any connection in this process.
    Without a heartbeat TCP keepalive finds a dead peer; a connection that nobody reads can't answer heartbeats.
    """
    nodes = nodes_of(amqp_url)
    until = time.monotonic() + seconds
    failure: Exception = ConnectionError("there is no node")
    for address in nodes:
        connection = Connection(
            address,
            connect_timeout=seconds,
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
