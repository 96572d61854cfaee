"""Calls to other services, from threads and green threads alike.

One connection publishes, another consumes replies in a thread of its own, because py-amqp's connections are not
thread-safe. Every call has a deadline: the message carries it as its time to live, so that a request nobody waits
for any more is not run later. When the reply connection is lost, the calls in flight fail at once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from amqp import Message

from chassis import context, metrics
from chassis.breaker import Breaker
from chassis.connections import RECOVERABLE, opened
from chassis.direct import DirectPublisher
from chassis.errors import Forbidden, Unavailable
from chassis.rpc import wire
from chassis.signing import BAD_ACTOR, ActorSigner

log = structlog.get_logger()

LOST = object()


class PendingCall:
    """One call waiting for its reply."""

    __slots__ = ("_arrived", "body")

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self.body: Any = None

    def resolve(self, body: Any) -> None:
        """Hands over the reply, or LOST."""
        self.body = body
        self._arrived.set()

    def wait(self, seconds: float) -> Any:
        """The reply, LOST, or None when there was none in time."""
        self._arrived.wait(seconds)
        return self.body


class RpcClient:
    """A process's one client. Thread-safe. `start` is called by the first call; `close` ends it.

    `signer` vouches for actors of whom this process itself knows; those of its callers come with a token.
    """

    def __init__(
        self, amqp_url: str, *, name: str, in_flight: int = 512, signer: ActorSigner | None = None
    ) -> None:
        self._url = amqp_url
        self._name = name
        self._sign = signer.sign if signer is not None else None
        self._reply_to = uuid.uuid4().hex
        self._pending: dict[str, PendingCall] = {}
        self._slots = threading.BoundedSemaphore(in_flight)
        self._publisher = DirectPublisher(amqp_url)
        self._breakers: dict[str, Breaker] = {}
        self._start_lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._listening = threading.Event()
        self._closing = False

    def start(self) -> None:
        """Starts the reader thread. Idempotent; safe after a fork because it is lazy."""
        with self._start_lock:
            if self._reader is None:
                self._reader = threading.Thread(
                    target=self._read_forever, name="rpc-replies", daemon=True
                )
                self._reader.start()

    @property
    def is_listening(self) -> bool:
        """Whether replies can arrive now."""
        return self._listening.is_set()

    def call(
        self,
        service: str,
        method: str,
        *,
        operation_id: uuid.UUID | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Calls `service.method` on behalf of the bound context and returns its result.

        Raises the service's ServiceError, or Unavailable when there is no answer before the context's deadline (or
        within `timeout` seconds, if that is sooner), or when the service does not believe whom this call acts for.
        """
        caller = context.current()
        seconds = caller.seconds_left()
        if timeout is not None:
            seconds = min(seconds, timeout)
        with metrics.outgoing_call(service, method):
            body = self._exchange(service, method, kwargs, caller, operation_id, seconds)
            result, replayed = decoded(body)
        if replayed:
            caller.replayed = True
        return result

    def _exchange(
        self,
        service: str,
        method: str,
        kwargs: dict[str, Any],
        caller: context.CallContext,
        operation_id: uuid.UUID | None,
        seconds: float,
    ) -> Any:
        started = time.monotonic()
        breaker = self._breakers.setdefault(service, Breaker(service))
        breaker.check()
        self._await_listening(seconds)
        with self._slot(seconds), self._registered() as (correlation_id, pending):
            message = Message(
                wire.encode_request(kwargs),
                content_type=wire.CONTENT_TYPE,
                content_encoding="utf-8",
                delivery_mode=1,
                reply_to=self._reply_to,
                correlation_id=correlation_id,
                expiration=str(max(1, int(seconds * 1000))),
                application_headers=context.to_headers(caller, operation_id, self._sign),
            )
            left = seconds - (time.monotonic() - started)
            key = f"{service}.{method}"
            if not self._publisher.publish(message, wire.EXCHANGE, key, seconds=left):
                raise Unavailable("broker.unavailable", "The message broker does not answer.")
            body = pending.wait(seconds - (time.monotonic() - started))
        if body is None:
            breaker.timed_out(seconds)
            self._publisher.distrust()
            raise Unavailable("service.timeout", f"The {service} service did not answer in time.")
        if body is LOST:
            raise Unavailable("broker.lost", "The connection to the message broker was lost.")
        breaker.answered()
        return body

    def _await_listening(self, seconds: float) -> None:
        self.start()
        # After a broker restart replies are possible again within moments; a short wait beats an error.
        if not self._listening.wait(min(seconds, 1.5)):
            raise Unavailable("broker.unavailable", "The message broker does not answer.")

    @contextmanager
    def _slot(self, seconds: float) -> Iterator[None]:
        if not self._slots.acquire(timeout=seconds):
            raise Unavailable("service.busy", "Too many requests are in flight; try again.")
        try:
            yield
        finally:
            self._slots.release()

    @contextmanager
    def _registered(self) -> Iterator[tuple[str, PendingCall]]:
        correlation_id = uuid.uuid4().hex
        pending = PendingCall()
        self._pending[correlation_id] = pending
        try:
            yield correlation_id, pending
        finally:
            self._pending.pop(correlation_id, None)

    def _read_forever(self) -> None:
        delay = 0.1
        while not self._closing:
            try:
                self._read_until_lost()
            except RECOVERABLE as error:
                log.warning("rpc.replies_lost", error=type(error).__name__)
            except Exception:
                log.exception("rpc.reader_failed")
            was_listening = self._listening.is_set()
            self._lose_all()
            delay = 0.1 if was_listening else min(delay * 2, 1.0)
            if not self._closing:
                time.sleep(delay)

    def _read_until_lost(self) -> None:
        with opened(self._url, heartbeat=10) as connection:
            channel = connection.channel()
            queue = f"rpc.reply-{self._name}-{self._reply_to}"
            # Expires rather than auto-deletes, so that replies survive a reconnection of ours.
            channel.queue_declare(
                queue, durable=False, auto_delete=False, arguments={"x-expires": 60_000}
            )
            channel.queue_bind(queue, wire.EXCHANGE, self._reply_to)
            channel.basic_consume(queue, no_ack=True, callback=self._on_reply)
            self._listening.set()
            while not self._closing:
                with suppress(TimeoutError):
                    connection.drain_events(timeout=2)
                connection.heartbeat_check()

    def _on_reply(self, message: Any) -> None:
        pending = self._pending.get(message.properties.get("correlation_id", ""))
        if pending is not None:
            pending.resolve(message.body)

    def _lose_all(self) -> None:
        self._listening.clear()
        self._publisher.reset()
        for pending in list(self._pending.values()):
            pending.resolve(LOST)

    def close(self) -> None:
        """Ends the reader and closes the connections."""
        self._closing = True
        self._publisher.close()
        if self._reader is not None:
            self._reader.join(timeout=5)


def decoded(body: Any) -> tuple[Any, bool]:
    """A reply's result, and whether it was stored before. Raises the service's error.

    Whoever calls by this client was let in before, so a token that is not believed is the fault of a clock or a key of
    ours, never of the person: the call did not run and may be repeated.
    """
    try:
        return wire.decode_reply(body)
    except Forbidden as error:
        if error.code == BAD_ACTOR:
            raise Unavailable(error.code, error.detail) from error
        raise
