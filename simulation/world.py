"""One system: services with two processes each, their stores, the broker, all of it brought up from a seed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from assignment_service.domain import Pair
from assignment_service.events import CONTRACT as ASSIGNMENT
from booking_service.events import CONTRACT as BOOKING
from chassis.events import Contract, Subscription
from identity_service.events import CONTRACT as IDENTITY
from messaging_service.events import CONTRACT as MESSAGING
from simulation.broker import Broker, Queue
from simulation.consumer import Consumer, Handler
from simulation.habits import Habits
from simulation.process import Process
from simulation.relay import Relay
from simulation.rpc import Method, serve
from simulation.scheduler import Scheduler
from simulation.services.assignment import Assignments
from simulation.services.booking import Booking
from simulation.services.identity import Identity
from simulation.services.messaging import Messaging
from simulation.services.plumbing import Service
from simulation.store import Fact, Store

CONTRACTS = {one.service: one for one in (IDENTITY, ASSIGNMENT, BOOKING, MESSAGING)}
COPIES = 2
BUG = "a bug"


@dataclass(frozen=True)
class Parts:
    """What a world is made of; the mutants put others in their places."""

    store: type[Store] = Store
    relay: type[Relay] = Relay
    consumer: type[Consumer] = Consumer
    assignments: type[Assignments] = Assignments
    messaging: type[Messaging] = Messaging
    booking: type[Booking] = Booking


@dataclass
class Copy:
    """One process of a service, which comes back after a kill."""

    service: str
    process: Process
    relay: Relay


@dataclass
class World:
    """Everything there is in one schedule."""

    scheduler: Scheduler
    parts: Parts = field(default_factory=Parts)

    def __post_init__(self) -> None:
        chance = self.scheduler.random
        self.ids = count(1)
        self.broker = Broker(self.scheduler)
        self.skew = chance.choice((0.0, 0.0, 0.0, 2.0, 10.0))
        self.pairs = [Pair(uuid.UUID(int=900 + n), uuid.UUID(int=910)) for n in range(2)]
        self.habits = Habits(chance, self.pairs)
        self.clients: list[Process] = []
        self.bugs: dict[tuple[str, int], int] = {}
        self.how_many_bugs: Callable[[], int] = lambda: 0
        self.stores = {name: self.parts.store(name, self.scheduler) for name in CONTRACTS}
        self.make_services()
        self.copies = [self.new_copy(name) for name in CONTRACTS for _ in range(COPIES)]
        for name, store in self.stores.items():
            store.on_commit = partial(self.wake_relays, name)
        for copy in self.copies:
            self.start(copy)

    def make_services(self) -> None:
        """The services, with the queues of their contracts."""
        stores, broker, ids, parts = self.stores, self.broker, self.ids, self.parts
        people = sorted({person for pair in self.pairs for person in pair})
        self.identity = Identity(stores["identity"], broker, ids, people)
        self.assignments = parts.assignments(stores["assignment"], broker, ids)
        self.booking = parts.booking(stores["booking"], broker, ids)
        self.messaging = parts.messaging(stores["messaging"], broker, ids)
        self.handlers: dict[str, dict[Queue, Handler]] = {name: {} for name in CONTRACTS}
        assignments, messaging = self.assignments, self.messaging
        self.subscribe(ASSIGNMENT, "identity", "user_updated", assignments.users_changed)
        self.subscribe(ASSIGNMENT, "booking", "session_booked", assignments.session_booked)
        for name in ("assignment_created", "assignment_ended"):
            self.subscribe(MESSAGING, "assignment", name, messaging.assignments_changed)
        self.subscribe(BOOKING, "assignment", "assignment_ended", self.booking.assignments_ended)
        for name in CONTRACTS:
            broker.requests[name] = Queue(f"rpc-{name}", self.scheduler)

    def subscribe(self, contract: Contract, source: str, name: str, handler: Handler) -> None:
        """The queue of one subscription, named and bound as the contract says."""
        subscription = Subscription(source, name)
        if subscription not in contract.subscribes:
            raise LookupError(f"{contract.service} does not hear {name}")
        queue = Queue(contract.queue_name(subscription), self.scheduler)
        self.broker.queues[queue.name] = queue
        self.broker.bindings.setdefault((source, name), []).append(queue)
        self.handlers[contract.service][queue] = self.with_bugs(handler)

    def with_bugs(self, handler: Handler) -> Handler:
        """The handler; it fails for some events as often as is drawn for them."""

        def handle(process: Process, event: Fact, queue: str) -> Any:
            key = (queue, event.id)
            left = self.bugs.setdefault(key, self.how_many_bugs())
            if left and self.scheduler.random.random() < 0.7:
                self.bugs[key] = left - 1
                yield "meets a bug"
                raise RuntimeError(BUG)
            yield from handler(process, event, queue)

        return handle

    def methods_of(self, service: str) -> dict[str, Method]:
        """What a service offers."""
        found: dict[str, dict[str, Method]] = {
            "identity": {
                "update_user": self.identity.update_user,
                "get_user": self.identity.get_user,
            },
            "assignment": {
                "authorize": self.assignments.authorize,
                "assign": self.assignments.assign,
                "end_assignment": self.assignments.end_assignment,
            },
            "booking": {"book_session": self.booking.book_session},
            "messaging": {
                "send_message": self.messaging.send_message,
                "open_conversation": self.messaging.open_conversation,
            },
        }
        return found[service]

    def new_copy(self, service: str) -> Copy:
        """A process that is not started yet. Each clock is off by up to half of the skew."""
        skew = (self.scheduler.random.random() - 0.5) * self.skew
        process = Process(f"{service}.{next(self.ids)}", self.scheduler, skew)
        required = CONTRACTS[service].required
        relay = self.parts.relay(self.stores[service], self.broker, process, required)
        return Copy(service, process, relay)

    def start(self, copy: Copy) -> None:
        """Starts a process's relay, consumers and workers."""
        process, store = copy.process, self.stores[copy.service]
        process.run("relay", copy.relay.run())
        for queue, handler in self.handlers[copy.service].items():
            consumer = self.parts.consumer(store, self.broker, process, queue, handler)
            process.run(queue.name.partition(".")[2], consumer.run())
        queue, methods = self.broker.requests[copy.service], self.methods_of(copy.service)
        for number in range(2):
            process.run(f"worker {number}", serve(self.broker, process, queue, methods))

    def wake_relays(self, service: str) -> None:
        """Something was committed in a service."""
        for copy in self.copies:
            if copy.service == service:
                copy.relay.wake()

    def kill(self, copy: Copy) -> None:
        """A kill -9: everything in it ends, what it held comes back."""
        self.scheduler.note(copy.process.name, "is killed")
        copy.process.kill()
        self.broker.lose(copy.process)

    def services(self) -> dict[str, Service]:
        """By name."""
        return {
            one.name: one for one in (self.identity, self.assignments, self.booking, self.messaging)
        }

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on its way any more."""
        return (
            self.broker.is_empty
            and all(queue.is_empty for queue in self.broker.requests.values())
            and not any(store.open for store in self.stores.values())
            and all(row.sent for store in self.stores.values() for row in store.outbox)
        )
