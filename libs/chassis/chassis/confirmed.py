"""Publishing what must not be lost: every message is confirmed by the broker, many at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

import structlog
from amqp import Message
from amqp.exceptions import NotFound

from chassis.connections import Connection, abandoned, opened, send

log = structlog.get_logger()


class Outcome(Enum):
    """What the broker said of one message."""

    CONFIRMED = "confirmed"
    UNROUTABLE = "unroutable"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Outgoing:
    """A message to publish. `outcome` is set by `publish_all`."""

    exchange: str
    routing_key: str
    body: str | bytes
    message_id: str
    content_type: str
    headers: dict[str, Any] = field(default_factory=dict)
    mandatory: bool = True
    outcome: Outcome = Outcome.UNKNOWN


class ConfirmedPublisher:
    """One channel in confirm mode, opened when needed and thrown away after any error. One batch at a time.

    A refusal counts as one: in a cluster a channel that was opened while a queue had no leader goes on to refuse what
    is for that queue until the dead node is back, though there has long been another leader. A new channel finds it.
    """

    def __init__(self, amqp_url: str, *, confirm_seconds: float = 5.0) -> None:
        self._url = amqp_url
        self._confirm_seconds = confirm_seconds
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._channel: Any = None
        self._published = 0
        self._waiting: dict[int, Outgoing] = {}
        self._by_address: dict[tuple[str, str, str], list[Outgoing]] = {}

    def publish_all(self, batch: Sequence[Outgoing]) -> None:
        """Publishes in order and waits for every confirm.

        Raises OSError or an AMQP error if the connection fails; then outcomes that are UNKNOWN may or may not have
        reached the broker.
        """
        with self._lock:
            try:
                self._open()
                for outgoing in batch:
                    self._send(outgoing)
                self._await_confirms()
            except BaseException:
                self._drop()
                raise
            if any(outgoing.outcome is Outcome.REFUSED for outgoing in batch):
                self._drop()

    def messages_in(self, queue: str) -> int | None:
        """How many messages wait in a queue; None if there is no such queue. Raises as `publish_all` does."""
        with self._lock:
            try:
                return self._count(queue)
            except NotFound:
                return None
            except BaseException:
                self._drop()
                raise

    def _count(self, queue: str) -> int:
        self._open()
        # A channel of its own, which the broker closes if there is no such queue.
        with cast("Connection", self._connection).channel() as channel:
            count: int = channel.queue_declare(queue, passive=True).message_count
            return count

    def _send(self, outgoing: Outgoing) -> None:
        outgoing.outcome = Outcome.UNKNOWN
        self._published += 1
        self._waiting[self._published] = outgoing
        # Copies share an id; those that also go the same way share their fate.
        address = (outgoing.message_id, outgoing.exchange, outgoing.routing_key)
        self._by_address.setdefault(address, []).append(outgoing)
        message = Message(
            outgoing.body,
            content_type=outgoing.content_type,
            content_encoding="utf-8",
            delivery_mode=2,
            message_id=outgoing.message_id,
            application_headers=outgoing.headers,
        )
        send(
            self._channel,
            message,
            outgoing.exchange,
            outgoing.routing_key,
            mandatory=outgoing.mandatory,
        )

    def _await_confirms(self) -> None:
        deadline = time.monotonic() + self._confirm_seconds
        while self._waiting:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the broker did not confirm in time")
            if self._connection is None:
                raise ConnectionError("the connection to the broker is gone")
            self._connection.drain_events(timeout=left)
        self._by_address.clear()

    def _open(self) -> None:
        if self._channel is not None:
            return
        self._connection = opened(self._url)
        channel = self._connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)
        self._published = 0
        self._channel = channel

    def _on_ack(self, delivery_tag: int, multiple: bool) -> None:
        self._settle(delivery_tag, multiple, Outcome.CONFIRMED)

    def _on_nack(self, delivery_tag: int, multiple: bool) -> None:
        self._settle(delivery_tag, multiple, Outcome.REFUSED)

    def _settle(self, delivery_tag: int, multiple: bool, outcome: Outcome) -> None:
        tags = [t for t in self._waiting if t <= delivery_tag] if multiple else [delivery_tag]
        for tag in tags:
            outgoing = self._waiting.pop(tag, None)
            # A returned message is acknowledged as well, after its return.
            if outgoing is not None and outgoing.outcome is Outcome.UNKNOWN:
                outgoing.outcome = outcome

    def _on_return(
        self, _error: Any, exchange: str, routing_key: str, message: Any, *_more: Any
    ) -> None:
        address = (message.properties.get("message_id", ""), exchange, routing_key)
        for outgoing in self._by_address.get(address, ()):
            outgoing.outcome = Outcome.UNROUTABLE

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._waiting.clear()
        self._by_address.clear()
        abandoned(connection)

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            self._drop()
