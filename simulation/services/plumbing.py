"""What the services' use cases have in common: operations and events."""

from __future__ import annotations

import uuid
from itertools import count
from typing import Any

from chassis.decisions import was_done_before
from simulation.broker import Broker
from simulation.process import Process
from simulation.rpc import Request
from simulation.scheduler import Steps
from simulation.store import Fact, Store, Transaction


class Service:
    """One service: its store, and what it knows of the bus."""

    name = ""

    def __init__(self, store: Store, broker: Broker, ids: count[int]) -> None:
        self.store = store
        self.broker = broker
        self._ids = ids

    def new_id(self) -> uuid.UUID:
        """An id that nobody else has."""
        return uuid.UUID(int=next(self._ids))

    def publish(
        self, process: Process, transaction: Transaction, name: str, subject: str, data: Any
    ) -> Fact:
        """An event with the commit."""
        now = self.store.scheduler.now
        event = Fact(next(self._ids), self.name, name, subject, process.clock(), data, now)
        transaction.events.append(event)
        return event

    def replay(self, transaction: Transaction, request: Request) -> Steps:
        """The stored result of the request's operation in a tuple, or None. The look is older than the lock."""
        operation = request.operation
        assert operation is not None  # noqa: S101 - every changing call has one # nosec B101
        known = self.store.operations.get(operation.id)
        yield f"looks for its operation {operation.id.int}"
        is_free = transaction.try_lock(("operation", operation.id))
        fingerprint = known[0] if known else None
        if was_done_before(is_free=is_free, known=fingerprint, wanted=operation.fingerprint):
            assert known is not None  # noqa: S101 - it was found # nosec B101
            return (known[1],)
        return None

    def record(self, transaction: Transaction, request: Request, result: Any) -> None:
        """The operation's result with the commit; and, for the checks alone, that there was an effect."""
        operation = request.operation
        assert operation is not None  # noqa: S101 - see above # nosec B101
        transaction.operation = (operation, result)
        self.note_effect(transaction, operation.id, result)

    def note_effect(self, transaction: Transaction, operation_id: uuid.UUID, result: Any) -> None:
        """For the checks alone."""
        effects = self.store.effects
        transaction.write(lambda: effects.setdefault(operation_id, []).append(result))
