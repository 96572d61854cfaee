"""Calls with a deadline, answered at most once to the caller and run at least once, as `chassis.rpc` has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from chassis.context import Operation
from chassis.errors import ServiceError, Unavailable
from simulation.broker import Broker, Message, Queue
from simulation.consumer import run_again_on_contention
from simulation.process import Process
from simulation.scheduler import Parking, Scheduler, Steps

DEADLINE_SECONDS: Final = 5.0


class Pending:
    """What a caller waits for."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.kind: str | None = None
        self.body: Any = None
        self.parking = Parking()
        self._scheduler = scheduler

    def resolve(self, kind: str, body: Any) -> None:
        """The answer, or that there will be none. Only the first counts."""
        if self.kind is None:
            self.kind, self.body = kind, body
            self._scheduler.wake(self.parking)


@dataclass(slots=True)
class Request:
    """One call on its way."""

    method: str
    arguments: Any
    operation: Operation | None
    deadline: float
    pending: Pending


Method = Callable[[Process, Request], Steps]


def call(
    broker: Broker,
    caller: Process,
    service: str,
    method: str,
    arguments: Any,
    operation: Operation | None = None,
    seconds: float = DEADLINE_SECONDS,
) -> Steps:
    """Calls and returns the result; raises the service's error, or Unavailable when nobody knows what happened."""
    if broker.is_down:
        raise Unavailable("broker.unavailable", "The message broker does not answer.")
    scheduler = broker.scheduler
    until = scheduler.now + seconds
    pending = Pending(scheduler)
    caller.pending.add(pending)
    request = Request(method, arguments, operation, until, pending)
    broker.requests[service].put(Message(request, expires=until))
    scheduler.later(seconds, lambda: pending.resolve("late", None))
    while pending.kind is None:
        yield pending.parking
    caller.pending.discard(pending)
    if pending.kind == "result":
        return pending.body
    if pending.kind == "error":
        raise pending.body
    raise Unavailable(f"service.{pending.kind}", "There was no answer.")


def serve(broker: Broker, process: Process, queue: Queue, methods: dict[str, Method]) -> Steps:
    """Answers requests for ever: the reply first, then the acknowledgement."""
    while True:
        message = None if broker.is_down else queue.take(process)
        if message is None:
            yield queue.filled
            continue
        request: Request = message.event
        yield f"starts {request.method}"
        if request.deadline < broker.scheduler.now:
            queue.acknowledge(message)
            continue
        yield from answer(broker, process, request, methods[request.method])
        yield "acknowledges the request"
        queue.acknowledge(message)


def answer(broker: Broker, process: Process, request: Request, method: Method) -> Steps:
    """Runs the method and replies. Nobody hears a reply over a connection that was lost meanwhile."""
    connection = process.connection
    if request.operation is not None:
        broker.executions[request.operation.id] += 1
    try:
        result = yield from run_again_on_contention(lambda: method(process, request))
        kind = "result"
    except ServiceError as error:
        kind, result = "error", error
    yield f"replies to {request.method}: {kind}"
    if process.connection == connection:
        request.pending.resolve(kind, result)
