"""The system with one rule broken each. The simulation must find every one of them, or it shows nothing."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from assignment_service.domain import Pair, Participant
from chassis.decisions import IMPATIENT, Tries
from chassis.errors import Forbidden, Unavailable
from simulation.broker import Message, publish_all
from simulation.consumer import Consumer
from simulation.process import Process
from simulation.relay import Relay, mark_sent
from simulation.rpc import Request
from simulation.scheduler import Steps
from simulation.services.assignment import Assignments
from simulation.services.messaging import Messaging
from simulation.store import Row, Store, Transaction
from simulation.world import Parts


class MarksBeforeTheConfirm(Relay):
    """Marks rows in a transaction of their own, then publishes them."""

    def send(self, transaction: Transaction, rows: list[Row]) -> Steps:
        for row in rows:
            mark_sent(row)
        batch = [(row.event, row.event.name in self.required) for row in rows]
        yield from publish_all(self.broker, self.process, batch)


class ForgetsOutcomes(Relay):
    """Takes for sent what was published, whatever the broker said of it."""

    def postpone(self, transaction: Transaction, row: Row) -> None:
        self.note_sent(transaction, row)


class SkipsLockedRows(Relay):
    """Locks rows instead of subjects."""

    def lock(self, transaction: Transaction, subjects: Iterable[str]) -> list[str]:
        rows = [row for row in self.unsent() if row.subject in set(subjects)]
        self.mine = {row.id for row in rows[:2] if transaction.try_lock(("row", row.id))}
        return [row.subject for row in rows if row.id in self.mine]

    def unsent_of(self, subjects: Collection[str]) -> list[Any]:
        return [seen for seen in super().unsent_of(subjects) if seen.row.id in self.mine]


class ReadsAfterTheLastId(Relay):
    """Goes on behind the greatest id it has seen."""

    def unsent(self) -> Iterable[Row]:
        last = max((row.id for row in self.store.outbox if row.sent), default=0)
        for row in self.store.outbox:
            row.sent = row.sent or row.id < last
        return super().unsent()


class PublishesASubjectAtOnce(Relay):
    """Sends a subject's next row before the one in front of it was taken. As it was until this was found."""

    def waves(self, rows: list[Row]) -> list[list[Row]]:
        return [rows]


class AcknowledgesFirst(Consumer):
    """Acknowledges, then handles."""

    def consume(self, message: Message) -> Steps:
        self.queue.acknowledge(message)
        yield from super().consume(message)


class ForgetsTheInbox(Consumer):
    """Applies whatever comes."""

    def handle(self, event: Any) -> Steps:
        self.store.inbox.discard((self.queue.name, event.id))
        return (yield from super().handle(event))


class CountsOutagesAsFailures(Consumer):
    """One count for both: an outage uses up the tries of a failure. As it was until this was found."""

    def settle(self, message: Message, error: Exception) -> Steps:
        attempts = message.tries.attempts
        message.tries = Tries(attempts, 0 if isinstance(error, Unavailable) else attempts)
        yield from super().settle(message, error)


class GivesUpSilently(Consumer):
    """Drops an event after the first failure of a row of tries."""

    def settle(self, message: Message, error: Exception) -> Steps:
        if message.tries.attempts >= len(IMPATIENT) - 2:
            yield "drops it"
            self.queue.acknowledge(message)
        else:
            yield from super().settle(message, error)


class RecordsLater(Store):
    """Stores the operation after the transaction, not with it."""

    def begin(self) -> Transaction:
        transaction = super().begin()
        transaction.__class__ = TwoCommits
        return transaction


class TwoCommits(Transaction):
    """The change, and after that the operation."""

    def commit(self, deadline: float | None = None) -> Steps:
        operation, self.operation = self.operation, None
        yield from super().commit(deadline)
        if operation is not None:
            yield "has not stored its operation yet"
            self.store.operations[operation[0].id] = (operation[0].fingerprint, operation[1])


class ForgetsTheOperationsKey(Store):
    """Has no primary key that finds what a look before the lock has missed."""

    def begin(self) -> Transaction:
        transaction = super().begin()
        transaction.__class__ = WithoutKey
        return transaction


class WithoutKey(Transaction):
    """Overwrites an operation that was stored meanwhile."""

    def _apply(self, rows: list[Row]) -> None:
        if self.operation is not None:
            self.store.operations.pop(self.operation[0].id, None)
        super()._apply(rows)


class AppliesOlderVersions(Assignments):
    """Takes whatever state of a person comes last."""

    def is_newer(self, person: Participant, known: Participant | None) -> bool:
        return True


class RevivesWhatWasEnded(Assignments):
    """Assigns by a late booking, whatever happened to the pair since."""

    def is_overtaken(self, decided_at: datetime, pair: Pair) -> bool:
        return False


class TrustsASilentNeighbour(Messaging):
    """Fails open: no answer counts as yes."""

    def authorized_by(self, process: Process, request: Request) -> Steps:
        try:
            return (yield from super().authorized_by(process, request))
        except Forbidden:
            raise
        except Unavailable:
            return uuid.UUID(int=0)


class ShowsWhatCameLast(Messaging):
    """Goes by the order of arrival."""

    def assignments_changed(self, process: Process, event: Any, handler: str) -> Steps:
        pair = event.data.pair
        if pair in self.standings:
            self.standings[pair] = replace(
                self.standings[pair], as_of=datetime.min.replace(tzinfo=event.at.tzinfo)
            )
        yield from super().assignments_changed(process, event, handler)


MUTANTS: Final = {
    "marks before the confirm": Parts(relay=MarksBeforeTheConfirm),
    "forgets outcomes": Parts(relay=ForgetsOutcomes),
    "skips locked rows": Parts(relay=SkipsLockedRows),
    "reads after the last id": Parts(relay=ReadsAfterTheLastId),
    "publishes a subject at once": Parts(relay=PublishesASubjectAtOnce),
    "acknowledges first": Parts(consumer=AcknowledgesFirst),
    "forgets the inbox": Parts(consumer=ForgetsTheInbox),
    "counts outages as failures": Parts(consumer=CountsOutagesAsFailures),
    "gives up silently": Parts(consumer=GivesUpSilently),
    "records an operation later": Parts(store=RecordsLater),
    "forgets the operations' key": Parts(store=ForgetsTheOperationsKey),
    "applies older versions": Parts(assignments=AppliesOlderVersions),
    "revives what was ended": Parts(assignments=RevivesWhatWasEnded),
    "trusts a silent neighbour": Parts(messaging=TrustsASilentNeighbour),
    "shows what came last": Parts(messaging=ShowsWhatCameLast),
}
