"""The `on_events` entrypoint: what arrived within a moment is applied together, in one transaction per organization.

For a subscriber whom nobody waits for and who hears much: a worker, a transaction and a commit for every single event
would cost more than the work itself. Retries and dead letters are those of `on_event`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from chassis import context
from chassis.consumer import EventHandler
from chassis.contention import run_again_on_contention
from chassis.database import UnitOfWork
from chassis.errors import Unavailable
from chassis.events import Event

log = structlog.get_logger()
Method = TypeVar("Method", bound=Callable[..., Any])

# Sorted, so that two transactions which share some of the events wait for each other instead of locking each other out.
INSERT_INBOX_ENTRIES: Final = """
    INSERT INTO inbox (event_id, handler)
    SELECT event_id, %(handler)s FROM unnest(%(event_ids)s::uuid[]) AS event_id ORDER BY event_id
    ON CONFLICT DO NOTHING RETURNING event_id
"""


def first_deliveries(uow: UnitOfWork, events: Sequence[Event], handler: str) -> list[Event]:
    """Notes that `handler` applies these events now, and returns those that it did not apply before, in order."""
    by_id = {str(event.id): event for event in events}
    parameters = {"handler": handler, "event_ids": list(by_id)}
    rows = uow.connection.exec_driver_sql(INSERT_INBOX_ENTRIES, parameters)
    first = {str(row.event_id) for row in rows}
    return [event for event_id, event in by_id.items() if event_id in first]


class BatchHandler(EventHandler):
    """Consumes one subscription in batches: one batch at a time, of at most `prefetch` events."""

    def __init__(
        self, source: str, name: str, *, prefetch: int, linger: float, seconds: float
    ) -> None:
        super().__init__(source, name, prefetch=prefetch, seconds=seconds)
        self._linger = linger
        self._waiting: list[tuple[Any, Event]] = []
        self._is_at_work = False

    def _start(self, message: Any, event: Event) -> None:
        self._waiting.append((message, event))
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting and not self._is_at_work:
            self._is_at_work = True
            self.container.spawn_managed_thread(self._collect)

    def _collect(self) -> None:
        time.sleep(self._linger)
        batch, self._waiting = self._waiting, []
        messages = [message for message, _ in batch]
        events = [event for _, event in batch]
        call = context.CallContext(deadline=time.time() + self._seconds)
        finish = partial(self._finish_batch, batch, time.monotonic())
        self._spawn(call, messages, events, finish)

    def _finish_batch(
        self,
        batch: Sequence[tuple[Any, Event]],
        started: float,
        worker: Any,
        result: Any,
        exc_info: Any,
    ) -> tuple[Any, Any]:
        self._is_at_work = False
        if exc_info is None or len(batch) == 1 or isinstance(exc_info[1], Unavailable):
            for message, _ in batch:
                self._finish(message, started, worker, result, exc_info)
        else:
            self._apart(batch, exc_info[1])
        self._go_on()
        return result, exc_info

    def _apart(self, batch: Sequence[tuple[Any, Event]], error: BaseException) -> None:
        """One event spoiled the batch: each alone, so that only that one is put off."""
        log.warning("event.batch_split", queue=self.queue.name, error=type(error).__name__)
        for message, event in batch:
            start_alone = partial(self._start_alone, message, event)
            self.container.spawn_managed_thread(start_alone)

    def _start_alone(self, message: Any, event: Event) -> None:
        call = context.CallContext(deadline=time.time() + self._seconds)
        finish = partial(self._finish, message, time.monotonic())
        self._spawn(call, [message], [event], finish)


def on_events(
    source: str, name: str, *, prefetch: int = 200, linger: float = 0.05, seconds: float = 30.0
) -> Callable[[Method], Method]:
    """Handles events in batches: `method(self, events: list[Event])`, oldest first, of any organizations.

    A batch is what arrives within `linger` seconds of its first event, or while the one before it is at work; at most
    `prefetch`. The method must open a unit of work per organization and start with `first_deliveries`. When it fails
    for another reason than Unavailable, it is called again for each event alone.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def bound_method(service: Any, events: list[Event]) -> None:
            with context.bound(service.call):
                run_again_on_contention(lambda: method(service, events))

        decorated: Method = BatchHandler.decorator(
            source, name, prefetch=prefetch, linger=linger, seconds=seconds
        )(bound_method)
        return decorated

    return decorate
