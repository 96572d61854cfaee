"""The outbox relay of one process, step by step as `chassis.relay` takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from chassis import decisions
from chassis.confirmed import Outcome
from chassis.errors import ServiceError
from simulation.broker import Broker, publish_all
from simulation.process import Process
from simulation.scheduler import Parking, Steps
from simulation.store import Row, Store, Transaction

# Small, so that schedules meet the limits of a batch.
BATCH: Final = 4
IDLE_SECONDS: Final = {decisions.POLL_SECONDS: 5.0, decisions.RETRY_SECONDS: 0.3}


class Seen(NamedTuple):
    """A row as a statement read it."""

    row: Row
    subject: str
    is_due: bool


class Relay:
    """Takes committed events to the broker. Every process of a service has one."""

    def __init__(
        self, store: Store, broker: Broker, process: Process, required: Collection[str]
    ) -> None:
        self.store = store
        self.broker = broker
        self.process = process
        self.required = required
        self.woken = Parking()
        self._naps = 0

    def wake(self) -> None:
        """Something was committed."""
        self.store.scheduler.wake(self.woken)

    def run(self) -> Steps:
        """Sends for ever; what fails is waited out."""
        pause = 0.05
        while True:
            try:
                wait = yield from self.send_batch()
                pause = 0.05
            except (ServiceError, ConnectionError) as error:
                yield f"could not send: {error}"
                wait = pause = min(pause * 2, 2.0)
            if wait:
                yield from self.doze(wait)

    def doze(self, seconds: float) -> Steps:
        """Until something is committed, at most so long. Looking in vain is no interleaving: it is done less often."""
        self._naps += 1
        nap = self._naps
        longest = IDLE_SECONDS.get(seconds, seconds)
        self.store.scheduler.later(longest, lambda: self.wake() if nap == self._naps else None)
        yield self.woken

    def send_batch(self) -> Steps:
        """One batch; returns how long to wait before the next."""
        with self.store.begin() as transaction:
            found = self.due_subjects()
            if not found:
                return self.pause(0, 0, 0)
            yield "looks for what is due"
            subjects = self.lock(transaction, found)
            if not subjects:
                return self.pause(len(found), 0, 0)
            yield "reads what it locked"
            transaction.require_open()
            rows = self.unsent_of(subjects)
            chosen, held_back = decisions.sendable(rows)
            yield from self.send(transaction, [seen.row for seen in chosen])
            for subject in held_back:
                self.hold_back(transaction, subject)
            yield from transaction.commit()
        return self.pause(len(found), len(subjects), len(rows))

    def pause(self, found: int, locked: int, rows: int) -> float:
        """The decision of the chassis."""
        return decisions.seconds_until_next_batch(
            found=found, locked=locked, rows=rows, batch=BATCH
        )

    def due_subjects(self) -> list[str]:
        """The subjects of the first rows that are due."""
        now = self.store.scheduler.now
        due = [row.subject for row in self.unsent() if row.due <= now][:BATCH]
        return list(dict.fromkeys(due))

    def unsent(self) -> Iterable[Row]:
        """What was not sent yet, whatever its id."""
        return (row for row in self.store.outbox if not row.sent)

    def lock(self, transaction: Transaction, subjects: Iterable[str]) -> list[str]:
        """Those subjects that no other relay is at."""
        return [one for one in subjects if transaction.try_lock(("relay", one))]

    def unsent_of(self, subjects: Collection[str]) -> list[Seen]:
        """A fresh look at the locked subjects."""
        now = self.store.scheduler.now
        rows = [row for row in self.unsent() if row.subject in subjects][: 2 * BATCH]
        return [Seen(row, row.subject, row.due <= now) for row in rows]

    def send(self, transaction: Transaction, rows: list[Row]) -> Steps:
        """Publishes rows, a subject's one after the other, and notes with the commit what became of each."""
        postponed: set[str] = set()
        for wave in self.waves(rows):
            going = [row for row in wave if row.subject not in postponed]
            batch = [(row.event, row.event.name in self.required) for row in going]
            outcomes = yield from publish_all(self.broker, self.process, batch)
            for row, outcome in zip(going, outcomes, strict=True):
                if outcome is Outcome.CONFIRMED:
                    self.note_sent(transaction, row)
                else:
                    postponed.add(row.subject)
                    self.postpone(transaction, row)

    def waves(self, rows: list[Row]) -> list[list[Row]]:
        """The decision of the chassis."""
        return decisions.waves(rows)

    def note_sent(self, transaction: Transaction, row: Row) -> None:
        """With the commit, after the confirm."""
        transaction.write(lambda: mark_sent(row))

    def postpone(self, transaction: Transaction, row: Row) -> None:
        """A row that the broker would not take waits, and its subject with it."""
        now = self.store.scheduler.now

        def put_off() -> None:
            row.due = now + decisions.seconds_until_next_try(row.attempts)
            row.attempts += 1

        transaction.write(put_off)
        self.hold_back(transaction, row.subject)

    def hold_back(self, transaction: Transaction, subject: str) -> None:
        """Makes a subject's unsent rows wait as long as the one that waits longest."""

        def wait() -> None:
            rows = [row for row in self.unsent() if row.subject == subject]
            until = max((row.due for row in rows), default=0.0)
            for row in rows:
                row.due = until

        transaction.write(wait)


def mark_sent(row: Row) -> None:
    """It need not be sent again."""
    row.sent = True
