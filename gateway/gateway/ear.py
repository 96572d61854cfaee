"""The process's ear on the event bus: one connection, one queue of its own, and listeners for what arrives.

Nothing here is a promise: a lost connection means that events were missed, and each listener is told so. How far it has
heard is measured, not assumed: the ear sends ticks to its own queue, and one that comes back says that everything which
was in the queue before it was told to the listeners. A connection that only looks alive brings none.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog
from amqp import Message

from chassis import topology
from chassis.connections import send
from chassis.events import Event, UnreadableEvent, decode
from gateway.bus_thread import BusThread, drain

log = structlog.get_logger()

TICK_SECONDS = 0.2
TICK = "application/x-tick"
# Ticks go where every process of ours may publish, to a key that nobody else listens to.
EXCHANGE = topology.RPC_EXCHANGE.name


class Listener(Protocol):
    """Somebody who wants to know."""

    # Source -> the events of it.
    hears: Mapping[str, Sequence[str]]

    def tell(self, event: Event) -> None:
        """One event that it wanted to hear."""

    def heard_until(self, moment: float) -> None:
        """All that arrived until this `time.monotonic()` was told."""

    def forget_all(self) -> None:
        """Events may have been missed."""


class Ear(BusThread):
    """Listens in a thread."""

    name = "ear"

    def __init__(self, amqp_url: str, listeners: Sequence[Listener]) -> None:
        super().__init__(amqp_url)
        self._listeners = listeners
        self._queue = ""

    def connected(self, channel: Any) -> None:
        """Begins to listen."""
        self._queue = self._declare(channel)
        # What was learned until now, nothing that was missed meanwhile could take back.
        self._forget_all()
        channel.basic_consume(self._queue, no_ack=True, callback=self.on_message)

    def turn(self, channel: Any, connection: Any) -> None:
        """Hears what there is, and has itself told how far it has heard."""
        send(channel, tick(), EXCHANGE, self._queue)
        drain(connection, TICK_SECONDS)

    def lost(self) -> None:
        """Whatever comes now is missed."""
        self._forget_all()

    def _declare(self, channel: Any) -> str:
        queue: str = channel.queue_declare("", exclusive=True, auto_delete=True).queue
        channel.queue_bind(queue, EXCHANGE, queue)
        for listener in self._listeners:
            for source, names in listener.hears.items():
                # The exchanges are there: gateway.events.CONTRACT has them prepared.
                for name in names:
                    channel.queue_bind(queue, topology.events_exchange(source).name, name)
        return queue

    def on_message(self, message: Any) -> None:
        """Tells what arrived to those who want it."""
        try:
            if message.properties.get("content_type") == TICK:
                self._heard_until(float(message.body))
            else:
                self._tell(decode(message.body))
        except (UnreadableEvent, ValueError, KeyError, TypeError) as error:
            # Whatever it was to say, nobody knows it now.
            log.error("ear.unreadable", error=type(error).__name__)
            self._forget_all()

    def _forget_all(self) -> None:
        for listener in self._listeners:
            listener.forget_all()

    def _heard_until(self, moment: float) -> None:
        for listener in self._listeners:
            listener.heard_until(moment)

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            if event.name in listener.hears.get(event.source, ()):
                listener.tell(event)


def tick() -> Message:
    """A message that says when it was sent."""
    return Message(repr(time.monotonic()), content_type=TICK, delivery_mode=1)
