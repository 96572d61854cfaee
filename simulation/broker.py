"""The broker in memory: queues in order, deliveries that come back until they are acknowledged, confirms."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from chassis.confirmed import Outcome
from chassis.decisions import Tries
from simulation.process import Process
from simulation.scheduler import Parking, Scheduler, Steps
from simulation.store import Fact

DELAYS: Final = {"1s": 1.0, "5s": 5.0, "30s": 30.0}


@dataclass(eq=False, slots=True)
class Message:
    """An event in a queue, or a request. Copies share the event."""

    event: Any
    tries: Tries = field(default_factory=Tries)
    expires: float = float("inf")


class Queue:
    """First in, first out, save what comes back."""

    def __init__(self, name: str, scheduler: Scheduler) -> None:
        self.name = name
        self.ready: deque[Message] = deque()
        self.unacknowledged: dict[Message, Process] = {}
        self.filled = Parking()
        self.first_arrivals: dict[int, Fact] = {}
        self._scheduler = scheduler

    def put(self, message: Message) -> None:
        """Appends a message."""
        self.ready.append(message)
        self._scheduler.wake(self.filled)

    def take(self, process: Process) -> Message | None:
        """The first message that has not expired, held for the process until it is acknowledged."""
        while self.ready:
            message = self.ready.popleft()
            if message.expires > self._scheduler.now:
                self.unacknowledged[message] = process
                return message
        return None

    def acknowledge(self, message: Message) -> None:
        """Forgets a message, unless it went back meanwhile."""
        self.unacknowledged.pop(message, None)

    def give_back(self, process: Process | None = None) -> None:
        """Puts what a process (or anybody) holds to the front again."""
        for message, holder in list(self.unacknowledged.items()):
            if process is None or holder is process:
                self.requeue(message)

    def requeue(self, message: Message) -> None:
        """Puts one message to the front again."""
        if self.unacknowledged.pop(message, None) is not None:
            self.ready.appendleft(message)
            self._scheduler.wake(self.filled)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is being handled."""
        return not self.ready and not self.unacknowledged


class Broker:
    """All queues. It can be down, refuse what is published, and lose its connections."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.queues: dict[str, Queue] = {}
        self.requests: dict[str, Queue] = {}
        self.bindings: dict[tuple[str, str], list[Queue]] = {}
        self.dead_letters: list[tuple[str, Fact, Tries]] = []
        self.is_down = False
        self.refuses = 0.0
        self.returns = 0.0
        self.delayed = 0
        # For the checks alone: how often each operation was begun.
        self.executions: Counter[UUID] = Counter()

    def accept(self, event: Fact, *, required: bool) -> Outcome:
        """Takes an event for every queue that is bound to it."""
        chance = self.scheduler.random.random
        if required and self.returns and chance() < self.returns:
            return Outcome.UNROUTABLE
        refused = bool(self.refuses) and chance() < self.refuses
        queues = self.bindings.get((event.source, event.name), [])
        for queue in queues:
            if refused and chance() < 0.7:
                continue  # one queue took it, another did not: that is a refusal, too
            queue.first_arrivals.setdefault(event.id, event)
            queue.put(Message(event))
        return Outcome.REFUSED if refused else Outcome.CONFIRMED

    def put_off(self, queue: Queue, message: Message, delay: str) -> None:
        """Brings a message to its queue when the delay is over."""
        self.delayed += 1

        def arrive() -> None:
            self.delayed -= 1
            queue.put(message)

        self.scheduler.later(DELAYS[delay], arrive)

    def lose(self, process: Process) -> None:
        """A process's connections are lost: what it held comes back, and what it waits for does not come."""
        process.connection += 1
        for queue in (*self.queues.values(), *self.requests.values()):
            queue.give_back(process)
        for pending in list(process.pending):
            pending.resolve("lost", None)

    def stop(self) -> None:
        """The broker goes down with all connections and all requests; events stay."""
        self.is_down = True
        for queue in self.requests.values():
            queue.ready.clear()
            queue.unacknowledged.clear()

    def start(self) -> None:
        """It is back."""
        self.is_down = False
        for queue in (*self.queues.values(), *self.requests.values()):
            self.scheduler.wake(queue.filled)

    @property
    def is_empty(self) -> bool:
        """Whether no event is anywhere on its way."""
        return not self.delayed and all(queue.is_empty for queue in self.queues.values())


def publish_all(broker: Broker, process: Process, batch: Sequence[tuple[Fact, bool]]) -> Steps:
    """Publishes (event, required) in order and returns the outcomes; ConnectionError when they can't be known."""
    connection = process.connection
    outcomes: list[Outcome] = []
    for event, required in batch:
        yield ("publishes", event)
        require(broker, process, connection)
        outcomes.append(broker.accept(event, required=required))
    yield "waits for confirms"
    require(broker, process, connection)
    return outcomes


def require(broker: Broker, process: Process, connection: int) -> None:
    """ConnectionError unless the connection still stands."""
    if broker.is_down or process.connection != connection:
        raise ConnectionError("the connection to the broker is gone")
