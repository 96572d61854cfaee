"""Clients: each does one operation after the other, and repeats what was not answered until it is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from chassis.context import Operation
from chassis.errors import Invalid, ServiceError, Unavailable
from simulation.process import Process
from simulation.rpc import call
from simulation.scheduler import Steps
from simulation.world import World


@dataclass
class Done:
    """What a client was told of one operation, each time it asked."""

    service: str
    method: str
    operation: Operation
    results: list[Any] = field(default_factory=list)
    refusal: ServiceError | None = None
    unanswered: int = 0


class Client:
    """Somebody who works with the system."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.process = Process(name, world.scheduler)
        world.clients.append(self.process)
        self.history: list[Done] = []
        self.busy = 0

    @property
    def is_done(self) -> bool:
        """Whether all was answered."""
        return not self.busy

    def start(self, operations: int) -> None:
        """Begins to work."""
        self.spawn("", self.run(operations))

    def spawn(self, what: str, steps: Steps) -> None:
        """Does something that the schedule's end waits for."""
        self.busy += 1

        def counted() -> Steps:
            yield from steps
            self.busy -= 1

        self.process.run(what, counted())

    def run(self, operations: int) -> Steps:
        """A few operations, each until it is answered; some are asked for again, or twice at once."""
        world, chance = self.world, self.world.scheduler.random
        for _ in range(operations):
            yield chance.random() * world.habits.pause
            service, method = world.habits.method(chance)
            pair = chance.choice(world.habits.pairs)
            arguments = chance.choice(pair) if method == "update_user" else pair
            operation = Operation(uuid.UUID(int=next(world.ids)), f"{method} {arguments}")
            done = Done(service, method, operation)
            self.history.append(done)
            if chance.random() < 0.2:
                self.spawn("twin", self.until_answered(done, arguments))
            for _ in range(chance.choice((1, 1, 2))):
                yield from self.until_answered(done, arguments)
        if self.history and chance.random() < 0.2:
            yield from self.reuse(self.history[-1])

    def until_answered(self, done: Done, arguments: Any) -> Steps:
        """Repeats an operation until there is a result or a refusal."""
        pause = 0.1
        while True:
            try:
                yield f"asks to {done.method} as operation {done.operation.id.int}"
                result = yield from self.call(done, arguments, done.operation)
                done.results.append(result)
                yield "is answered"
                return
            except ServiceError as error:
                if not is_worth_repeating(error):
                    done.refusal = error
                    yield f"is refused: {error}"
                    return
                done.unanswered += 1
                yield f"is not answered: {error}"
            pause = min(pause * 2, 3.0)
            yield pause

    def call(self, done: Done, arguments: Any, operation: Operation) -> Steps:
        """One attempt."""
        world = self.world
        return (
            yield from call(
                world.broker, self.process, done.service, done.method, arguments, operation
            )
        )

    def reuse(self, done: Done) -> Steps:
        """Uses an operation's id for something else, which must not get through."""
        if not done.results:
            return
        other = Operation(done.operation.id, "something else")
        try:
            yield from self.call(done, self.world.pairs[0], other)
            done.results.append("the answer to another request")
        except Invalid:
            yield "may not use an id twice"
        except ServiceError:
            yield "does not get to use an id twice"


def is_worth_repeating(error: ServiceError) -> bool:
    """Whether nobody knows what became of it."""
    return isinstance(error, Unavailable) or error.code == "idempotency.in_progress"
