"""What goes wrong, when, and until when: drawn from the schedule's seed. In the end everything is healed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simulation.scheduler import Steps
from simulation.store import Store
from simulation.world import World

LONGEST: Final = 6.0


class Faults:
    """One after the other, some overlapping. `is_over` when all is healed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.scheduler.random
        self.running = 0
        self.kinds: tuple[Callable[[], Steps], ...] = (
            self.kill,
            self.kill,
            self.freeze,
            self.drop_connections,
            self.broker_restarts,
            self.broker_refuses,
            self.broker_returns,
            self.database_restarts,
            self.database_ends_transactions,
            self.commits_are_cut,
        )

    @property
    def is_over(self) -> bool:
        """Whether everything is healed."""
        return not self.running

    def start(self, most: int) -> None:
        """Draws the faults, some of which may be bugs in handlers, and starts them."""
        if self.chance.random() < 0.3:
            self.world.how_many_bugs = self.draw_bugs
        for number in range(self.chance.randint(0, most)):
            self.running += 1
            self.world.scheduler.spawn(f"fault {number}", self.strike())

    def draw_bugs(self) -> int:
        """How often a handler fails for an event; more often than it is tried is for ever."""
        return self.chance.choice((0, 0, 0, 0, 1, 1, 2, 4, 1000))

    def strike(self) -> Steps:
        """Waits, does harm, heals."""
        yield self.chance.random() * 8.0
        yield from self.chance.choice(self.kinds)()
        self.running -= 1

    def a_while(self) -> float:
        """How long a fault lasts; some are over at once, a few take long."""
        longest = LONGEST * 6 if self.chance.random() < 0.1 else LONGEST
        return self.chance.random() ** 2 * longest

    def a_store(self) -> Store:
        """One of the databases."""
        return self.chance.choice(list(self.world.stores.values()))

    def note(self, what: str) -> None:
        """A line in the trace."""
        self.world.scheduler.note("fault", what)

    def kill(self) -> Steps:
        """A kill -9; somebody starts another process."""
        world, chance = self.world, self.chance
        place = chance.randrange(len(world.copies))
        copy = world.copies[place]
        world.kill(copy)
        yield self.a_while()
        if world.copies[place] is copy:
            world.copies[place] = world.new_copy(copy.service)
            world.start(world.copies[place])

    def freeze(self) -> Steps:
        """A process hangs, with all it holds."""
        copy = self.chance.choice(self.world.copies)
        seconds = self.a_while()
        self.note(f"{copy.process.name} hangs for {seconds:.2f} s")
        copy.process.freeze(seconds)
        yield seconds

    def drop_connections(self) -> Steps:
        """A process loses its connections to the broker and does not know what got through."""
        copy = self.chance.choice(self.world.copies)
        self.note(f"{copy.process.name} loses its connections")
        self.world.broker.lose(copy.process)
        yield "done"

    def broker_restarts(self) -> Steps:
        """The broker goes away with all connections, and comes back."""
        broker = self.world.broker
        if broker.is_down:
            return
        self.note("the broker goes down")
        broker.stop()
        for copy in self.world.copies:
            broker.lose(copy.process)
        for client in self.world.clients:
            broker.lose(client)
        yield self.a_while()
        self.note("the broker is back")
        broker.start()

    def broker_refuses(self) -> Steps:
        """Some of what is published is refused."""
        self.note("the broker refuses some")
        self.world.broker.refuses = 0.5
        yield self.a_while()
        self.world.broker.refuses = 0.0

    def broker_returns(self) -> Steps:
        """Some of what somebody must hear finds no queue."""
        self.note("the broker returns some")
        self.world.broker.returns = 0.5
        yield self.a_while()
        self.world.broker.returns = 0.0

    def database_restarts(self) -> Steps:
        """A database goes away with all transactions, and comes back."""
        store = self.a_store()
        self.note(f"the database of {store.service} goes down")
        store.is_down = True
        store.end_all()
        yield self.a_while()
        self.note(f"the database of {store.service} is back")
        store.is_down = False

    def database_ends_transactions(self) -> Steps:
        """All transactions under way are ended."""
        store = self.a_store()
        self.note(f"{store.service}'s transactions are ended")
        store.end_all()
        yield "done"

    def commits_are_cut(self) -> Steps:
        """Connections break in the middle of a commit: half of them stand, and nobody learns which."""
        store = self.a_store()
        self.note(f"{store.service}'s commits are cut")
        store.cuts_at_commit = 0.5
        yield self.a_while()
        store.cuts_at_commit = 0.0
