"""The database of one service in memory: transactions, locks, and the tables that every service has."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import count
from operator import attrgetter
from typing import Any, Self
from uuid import UUID

from chassis.context import Operation
from chassis.database import Contention
from chassis.errors import Unavailable
from simulation.scheduler import Parking, Scheduler, Steps


@dataclass(slots=True)
class Fact:
    """An event."""

    id: int
    source: str
    name: str
    subject: str
    at: Any
    data: Any
    # The true moments, whatever the clocks say.
    published: float
    committed: float = float("inf")


@dataclass(slots=True)
class Row:
    """An event in the outbox."""

    id: int
    event: Fact
    sent: bool = False
    attempts: int = 0
    due: float = 0.0

    @property
    def subject(self) -> str:
        """The event's."""
        return self.event.subject


BY_ID = attrgetter("id")


class Store:
    """What is committed. It survives every process."""

    def __init__(self, service: str, scheduler: Scheduler) -> None:
        self.service = service
        self.scheduler = scheduler
        self.outbox: list[Row] = []
        self.inbox: set[tuple[str, int]] = set()
        self.operations: dict[UUID, tuple[str, Any]] = {}
        self.locks: dict[Hashable, Transaction] = {}
        self.released = Parking()
        self.open: set[Transaction] = set()
        self.is_down = False
        self.cuts_at_commit = 0.0
        self.on_commit: Callable[[], None] = lambda: None
        self.row_ids = count(1)
        # What really happened, kept apart from what the system notes about itself.
        self.applied: list[tuple[str, int]] = []
        self.effects: dict[UUID, list[Any]] = {}
        self.committed: list[Fact] = []

    def begin(self) -> Transaction:
        """A transaction; Unavailable while the database is down."""
        if self.is_down:
            raise lost()
        transaction = Transaction(self)
        self.open.add(transaction)
        return transaction

    def end_all(self) -> None:
        """Ends every transaction, as a restart or an administrator does."""
        for transaction in list(self.open):
            transaction.close()


def lost() -> Unavailable:
    """What a caller sees of a connection that is gone."""
    return Unavailable("database.unavailable", "The database does not answer.")


class Transaction:
    """Writes become visible at the commit, all at once, or never."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.began = store.scheduler.now
        self.is_open = True
        self.events: list[Fact] = []
        self.operation: tuple[Operation, Any] | None = None
        self._writes: list[Callable[[], None]] = []
        self._keys: list[Hashable] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def require_open(self) -> None:
        """Unavailable if the connection was lost."""
        if not self.is_open:
            raise lost()

    def try_lock(self, key: Hashable) -> bool:
        """Takes a lock until the end of the transaction, if it is free."""
        self.require_open()
        holder = self.store.locks.get(key)
        if holder is None:
            self.store.locks[key] = self
            self._keys.append(key)
        return holder is None or holder is self

    def lock(self, key: Hashable) -> Steps:
        """Takes a lock as soon as it is free."""
        while not self.try_lock(key):
            yield self.store.released

    def free(self, key: Hashable) -> Steps:
        """Waits until nobody else holds a lock, without taking it."""
        while self.store.locks.get(key) not in {None, self}:
            yield self.store.released
            self.require_open()

    def write(self, action: Callable[[], None]) -> None:
        """Does something at the commit."""
        self._writes.append(action)

    def commit(self, deadline: float | None = None) -> Steps:
        """Makes it stand. Unavailable means that nobody knows, save when the deadline has passed."""
        scheduler = self.store.scheduler
        if deadline is not None and scheduler.now >= deadline:
            raise Unavailable("deadline.exceeded", "The request took too long.")
        # Ids are given before the rows can be seen.
        rows = [Row(next(self.store.row_ids), event) for event in self.events]
        yield "sends its commit"
        self.require_open()
        if scheduler.random.random() < self.store.cuts_at_commit:
            if scheduler.random.random() < 0.5:
                self._apply(rows)
                scheduler.note(self.store.service, "committed, but the answer was lost")
            self.close()
            raise lost()
        self._apply(rows)
        self.close()
        yield "has committed"

    def _apply(self, rows: list[Row]) -> None:
        store = self.store
        if self.operation is not None:
            operation, result = self.operation
            if operation.id in store.operations:
                self.close()
                raise Contention
            store.operations[operation.id] = (operation.fingerprint, result)
        for action in self._writes:
            action()
        for row in rows:
            insort(store.outbox, row, key=BY_ID)
            row.event.committed = store.scheduler.now
            store.committed.append(row.event)
        if rows:
            store.on_commit()

    def close(self) -> None:
        """Ends it: what was not committed never was."""
        if self.is_open:
            self.is_open = False
            store = self.store
            store.open.discard(self)
            for key in self._keys:
                if store.locks.get(key) is self:
                    del store.locks[key]
            store.scheduler.wake(store.released)
