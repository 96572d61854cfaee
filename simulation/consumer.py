"""A consumer of one queue, step by step as `chassis.consumer` takes them."""

from __future__ import annotations

from collections.abc import Callable

from chassis.contention import ATTEMPTS
from chassis.database import Contention
from chassis.errors import Unavailable
from simulation.broker import Broker, Message, Queue, require
from simulation.process import Process
from simulation.scheduler import Steps
from simulation.store import Fact, Store, Transaction

Handler = Callable[[Process, Fact, str], Steps]


def run_again_on_contention(work: Callable[[], Steps]) -> Steps:
    """As `chassis.contention` does."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return (yield from work())
        except Contention:
            yield 0.02 * attempt
    raise Unavailable("database.contention", "Too many changes at once; try again.")


def is_first_delivery(transaction: Transaction, event: Fact, handler: str) -> Steps:
    """Notes that the handler applies the event now; False when it already did. Waits for one who is at it."""
    store = transaction.store
    key = (handler, event.id)
    yield from transaction.lock(("inbox", key))
    if key in store.inbox:
        return False
    transaction.write(lambda: store.inbox.add(key))
    return True


def note_applied(transaction: Transaction, event: Fact, handler: str) -> None:
    """For the checks alone: that the effect of an event stands with this commit."""
    applied = transaction.store.applied
    transaction.write(lambda: applied.append((handler, event.id)))


class Consumer:
    """Handles one event after the other. Two processes of a service compete for the same queue."""

    def __init__(
        self, store: Store, broker: Broker, process: Process, queue: Queue, handler: Handler
    ) -> None:
        self.store = store
        self.broker = broker
        self.process = process
        self.queue = queue
        self.handler = handler

    def run(self) -> Steps:
        """Consumes for ever."""
        while True:
            message = None if self.broker.is_down else self.queue.take(self.process)
            if message is None:
                yield self.queue.filled
                continue
            yield ("is given", message.event)
            yield from self.consume(message)

    def consume(self, message: Message) -> Steps:
        """Handles one delivery and settles it."""
        error: Exception | None = None
        try:
            yield from self.handle(message.event)
        except Exception as raised:  # noqa: BLE001 - whatever a handler raises is settled
            error = raised
        if error is None:
            yield "acknowledges"
            self.queue.acknowledge(message)
        else:
            yield f"failed: {error}"
            yield from self.settle(message, error)

    def handle(self, event: Fact) -> Steps:
        """The handler, again when two transactions met."""
        return (
            yield from run_again_on_contention(
                lambda: self.handler(self.process, event, self.queue.name)
            )
        )

    def settle(self, message: Message, error: Exception) -> Steps:
        """Puts a copy off, or gives it up; acknowledges after that was confirmed."""
        connection = self.process.connection
        tries = message.tries.after(error)
        delay = tries.delay(error)
        try:
            yield f"moves it on, {delay or 'to the dead letters'}"
            require(self.broker, self.process, connection)
            if delay is None:
                self.broker.dead_letters.append((self.queue.name, message.event, tries))
            else:
                self.broker.put_off(self.queue, Message(message.event, tries), delay)
            yield "waits for the confirm"
            require(self.broker, self.process, connection)
        except ConnectionError:
            self.queue.requeue(message)
        else:
            self.queue.acknowledge(message)
