"""The `on_event` entrypoint: an event is applied once, tried again with back-off, and never lost or looped.

A handler runs as one transaction with its inbox entry, so a duplicate changes nothing. When it fails, a copy with a
counted attempt goes to a delay queue (confirmed) before the original is acknowledged. After the last attempt, or at
once if it can't be read, it goes to the service's dead letters.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import structlog
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint, SharedExtension

from chassis import context, metrics
from chassis.bus import BusConsumer
from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.connections import RECOVERABLE
from chassis.contention import run_again_on_contention
from chassis.decisions import Tries
from chassis.errors import ServiceError
from chassis.events import CONTENT_TYPE, Contract, Event, Subscription, UnreadableEvent, decode
from chassis.memory import REPLAYED_HEADER, is_remembered
from chassis.topology import (
    ATTEMPTS_HEADER,
    ERROR_HEADER,
    FAILURES_HEADER,
    QUEUE_HEADER,
    TIME_HEADER,
    dead_letter_exchange,
    event_queue,
    retry_exchange,
)

log = structlog.get_logger()
FORGOTTEN = "sent again after the inbox has forgotten whether it was applied"
Method = TypeVar("Method", bound=Callable[..., Any])


class GivenUp(SharedExtension):
    """Moves failed messages to the delay queues and the dead letters."""

    def setup(self) -> None:
        """Called by Nameko."""
        self._publisher = ConfirmedPublisher(self.container.config["AMQP_URI"])

    def try_later(self, message: Any, queue: str, delay: str, tries: Tries, reason: str) -> None:
        """Stores a copy that comes back to `queue` after `delay`."""
        exchange = retry_exchange(self.container.service_name, delay).name
        self._move(message, exchange, queue, tries, reason)

    def give_up(self, message: Any, queue: str, tries: Tries, reason: str) -> None:
        """Stores a copy for an operator."""
        metrics.dead_lettered.labels(queue).inc()
        exchange = dead_letter_exchange(self.container.service_name).name
        self._move(message, exchange, queue, tries, reason)

    def _move(self, message: Any, exchange: str, queue: str, tries: Tries, reason: str) -> None:
        outgoing = Outgoing(
            exchange=exchange,
            routing_key=queue,
            body=message.body,
            message_id=str(message.properties.get("message_id", "")),
            content_type=message.content_type or CONTENT_TYPE,
            headers={
                **replayed(message),
                ATTEMPTS_HEADER: tries.attempts,
                FAILURES_HEADER: tries.failures,
                QUEUE_HEADER: queue,
                ERROR_HEADER: reason,
                TIME_HEADER: datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        self._publisher.publish_all([outgoing])
        if outgoing.outcome is not Outcome.CONFIRMED:
            raise ConnectionError(f"the broker did not take the message: {outgoing.outcome.value}")

    def stop(self) -> None:
        """Called by Nameko."""
        self._publisher.close()


class EventHandler(Entrypoint):
    """Consumes one subscription of the service's contract."""

    queue_consumer = BusConsumer()
    given_up = GivenUp()

    def __init__(self, source: str, name: str, *, prefetch: int = 8, seconds: float = 30.0) -> None:
        super().__init__(expected_exceptions=(ServiceError,))
        self._subscription = Subscription(source, name)
        self.prefetch = prefetch
        self._seconds = seconds

    def setup(self) -> None:
        """Called by Nameko: finds the queue."""
        contract: Contract = self.container.config["CONTRACT"]
        if self._subscription not in contract.subscribes:
            raise LookupError(f"{self._subscription} is missing in the contract")
        self.queue = event_queue(contract, self._subscription)
        self.queue_consumer.register_provider(self)

    def stop(self) -> None:
        """Called by Nameko: no more events."""
        self.queue_consumer.unregister_provider(self)

    def on_message(self, message: Any) -> None:
        """Starts a worker for one event, or gives up one that is unreadable or comes again too late."""
        try:
            event = decode(message.body)
        except UnreadableEvent as error:
            log.error("event.unreadable", queue=self.queue.name, error=str(error))
            self._give_up_unhandled(message, "unreadable", str(error))
            return
        if replayed(message) and not is_remembered(event.time, self._event_log_days):
            self._give_up_unhandled(message, "forgotten", FORGOTTEN)
            return
        self._start(message, event)

    @property
    def _event_log_days(self) -> int:
        return int(self.container.config["EVENT_LOG_DAYS"])

    def _give_up_unhandled(self, message: Any, outcome: str, reason: str) -> None:
        self.container.spawn_managed_thread(partial(self._settle, message, outcome, None, reason))

    def _start(self, message: Any, event: Event) -> None:
        call = context_of(event, self._seconds)
        self._spawn(call, [message], event, partial(self._finish, message, time.monotonic()))

    def _spawn(
        self, call: context.CallContext, messages: Sequence[Any], argument: Any, finish: Any
    ) -> None:
        """Starts the method in a worker; `finish` settles the messages."""
        try:
            self.container.spawn_worker(
                self, (argument,), {}, context_data={"call": call}, handle_result=finish
            )
        except ContainerBeingKilled:
            for message in messages:
                self.queue_consumer.requeue_message(message)

    def _finish(
        self, message: Any, started: float, _worker: Any, result: Any, exc_info: Any
    ) -> tuple[Any, Any]:
        outcome = "ok"
        if exc_info is None:
            self.queue_consumer.ack_message(message)
        else:
            error = exc_info[1]
            outcome = error.code if isinstance(error, ServiceError) else "internal"
            self._settle(message, outcome, error, f"{type(error).__name__}: {error}"[:500])
        metrics.events_handled.labels(self.queue.name, outcome).observe(time.monotonic() - started)
        return result, exc_info

    def _settle(self, message: Any, outcome: str, error: BaseException | None, reason: str) -> None:
        """Moves the message on, then acknowledges it; if the broker is away, it will be delivered again anyway."""
        tries = tries_of(message).after(error)
        delay = tries.delay(error)
        noted = {"queue": self.queue.name, "code": outcome, "attempts": tries.attempts}
        try:
            if delay is not None:
                log.warning("event.retried", **noted)
                self.given_up.try_later(message, self.queue.name, delay, tries, reason)
            else:
                log.error("event.given_up", **noted)
                self.given_up.give_up(message, self.queue.name, tries, reason)
        except RECOVERABLE as problem:
            log.warning("event.not_settled", queue=self.queue.name, error=type(problem).__name__)
            self.queue_consumer.requeue_message(message)
        else:
            self.queue_consumer.ack_message(message)


def replayed(message: Any) -> dict[str, Any]:
    """The note on an event that it was sent again from the event log; empty if it was not."""
    return {k: v for k, v in message.headers.items() if k == REPLAYED_HEADER}


def tries_of(message: Any) -> Tries:
    """What a message notes about its tries so far."""
    headers = message.headers
    return Tries(int(headers.get(ATTEMPTS_HEADER, 0)), int(headers.get(FAILURES_HEADER, 0)))


def context_of(event: Event, seconds: float) -> context.CallContext:
    """What a handler works in: what it publishes names the event's actor and address as its cause."""
    return context.CallContext(
        deadline=time.time() + seconds,
        request_id=str(event.id),
        traceparent=event.traceparent or context.new_traceparent(),
        address=event.address,
        caused_by=event.actor_id,
    )


def on_event(
    source: str, name: str, *, prefetch: int = 8, seconds: float = 30.0
) -> Callable[[Method], Method]:
    """Handles an event: `method(self, event: Event)`, within `seconds`, at most `prefetch` at once per process.

    The method must open one unit of work and start with `is_first_delivery`.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def bound_method(service: Any, event: Event) -> None:
            with context.bound(service.call):
                run_again_on_contention(lambda: method(service, event))

        decorated: Method = EventHandler.decorator(
            source, name, prefetch=prefetch, seconds=seconds
        )(bound_method)
        return decorated

    return decorate
