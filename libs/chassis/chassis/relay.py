"""The outbox relay: takes committed events to the broker, at least once, in order per subject.

Each replica runs one. Rows are found by "not yet sent", never by "id greater than the last" (ids are given at insert
but seen at commit). A relay locks the subjects it works on with advisory locks, not the rows with SKIP LOCKED: two
relays that each skip the other's rows would publish one subject's events in two orders. A row is marked only after the
broker confirmed it, so a kill between the two publishes it again; subscribers' inboxes drop the copy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from chassis import decisions, metrics
from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.connections import RECOVERABLE
from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.errors import ServiceError
from chassis.events import CONTENT_TYPE, Contract
from chassis.plumbing import inbox, operations, outbox
from chassis.prepared import Prepared
from chassis.topology import dead_letter_queue, events_exchange

log = structlog.get_logger()

BATCH = 200
HOUSEKEEPING_SECONDS = 10.0
LOCK_SPACE = 4242
WAITED_OUT: tuple[type[BaseException], ...] = (*RECOVERABLE, ServiceError)

# Nothing is put off for longer than that: a time further ahead was noted while the database's clock was wrong, and
# would keep the event until the clock is there again.
IS_DUE = f"(due_at <= now() OR due_at > now() + interval '{decisions.LONGEST_POSTPONEMENT + 5} s')"

LOCK_DUE_SUBJECTS = Prepared(
    "lock_due_subjects",
    {"batch": "bigint", "space": "integer"},
    f"""
    WITH due AS MATERIALIZED (
        SELECT subject FROM outbox WHERE sent_at IS NULL AND {IS_DUE} ORDER BY id LIMIT :batch
    ), subjects AS MATERIALIZED (SELECT DISTINCT subject FROM due)
    SELECT subject, pg_try_advisory_xact_lock(:space, hashtext(subject)) AS locked FROM subjects
    """,  # noqa: S608 - our own words # nosec B608
)

READ_LOCKED = Prepared(
    "read_locked",
    {"subjects": "text[]", "limit": "bigint"},
    f"""
    SELECT id, event_id, name, subject, body, attempts, {IS_DUE} AS is_due
      FROM outbox WHERE sent_at IS NULL AND subject = ANY(:subjects) ORDER BY id LIMIT :limit
    """,  # noqa: S608 - our own words # nosec B608
)


class Relay:
    """Publishes what waits. `wake` may be called from any thread; `run` returns after `stop`."""

    def __init__(
        self, database: Database, contract: Contract, publisher: ConfirmedPublisher
    ) -> None:
        self._database = database
        self._contract = contract
        self._publisher = publisher
        self._exchange = events_exchange(contract.service).name
        self._dead_letters = dead_letter_queue(contract.service).name
        self._wake = threading.Event()
        self._stopping = False
        self._housekeeping_due = 0.0

    def wake(self) -> None:
        """Something was committed."""
        self._wake.set()

    def stop(self) -> None:
        """Lets `run` end after the batch it is at."""
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Sends until stopped. Errors of broker or database are waited out."""
        pause = 0.05
        while not self._stopping:
            self._wake.clear()
            try:
                wait = self.send_batch()
                pause = 0.05
            except WAITED_OUT as error:
                log.warning("outbox.not_sent", error=str(error) or type(error).__name__)
                wait = pause = min(pause * 2, 2.0)
            except Exception:
                log.exception("outbox.relay_failed")
                wait = pause = min(pause * 2, 2.0)
            self._keep_house()
            if wait and not self._stopping:
                self._wake.wait(wait)

    def send_batch(self) -> float:
        """Sends one batch and returns how long to wait before the next, 0 for not at all."""
        with self._database.unit_of_work(SYSTEM) as uow:
            found = uow.run(LOCK_DUE_SUBJECTS, {"batch": BATCH, "space": LOCK_SPACE}).all()
            subjects = [row.subject for row in found if row.locked]
            if not subjects:
                return self._pause(len(found), 0, 0)
            rows = uow.run(READ_LOCKED, {"subjects": subjects, "limit": 2 * BATCH}).all()
            chosen, held_back = decisions.sendable(rows)
            self._send(uow, chosen)
            for subject in held_back:
                hold_back(uow, subject)
            uow.commit()
        return self._pause(len(found), len(subjects), len(rows))

    def _pause(self, found: int, locked: int, rows: int) -> float:
        return decisions.seconds_until_next_batch(
            found=found, locked=locked, rows=rows, batch=BATCH
        )

    def _send(self, uow: UnitOfWork, rows: Sequence[Any]) -> None:
        """Publishes the rows of a subject one after the other, those of different subjects together."""
        sent: list[Any] = []
        postponed: set[str] = set()
        for wave in decisions.waves(rows):
            batch = [(row, self._outgoing(row)) for row in wave if row.subject not in postponed]
            self._publisher.publish_all([outgoing for _, outgoing in batch])
            for row, outgoing in batch:
                if outgoing.outcome is Outcome.CONFIRMED:
                    sent.append(row)
                else:
                    postponed.add(row.subject)
                    self._postpone(uow, row, outgoing)
        if sent:
            mark_sent(uow, [row.id for row in sent])
        for row in sent:
            metrics.events_sent.labels(row.name).inc()

    def _outgoing(self, row: Any) -> Outgoing:
        return Outgoing(
            exchange=self._exchange,
            routing_key=row.name,
            body=row.body,
            message_id=str(row.event_id),
            content_type=CONTENT_TYPE,
            mandatory=row.name in self._contract.required,
        )

    def _postpone(self, uow: UnitOfWork, row: Any, outgoing: Outgoing) -> None:
        """A row the broker would not take waits, and its subject with it; the others go on."""
        metrics.events_failed.labels(row.name).inc()
        log.error("outbox.event_kept", event_name=row.name, reason=outgoing.outcome.value)
        delay = timedelta(seconds=decisions.seconds_until_next_try(row.attempts))
        uow.execute(
            outbox.update()
            .where(outbox.c.id == row.id)
            .values(
                attempts=outbox.c.attempts + 1,
                last_error=outgoing.outcome.value,
                due_at=sa.func.now() + delay,
            )
        )
        hold_back(uow, row.subject)

    def _keep_house(self) -> None:
        """Measures what waits, above all while nothing can be sent."""
        if time.monotonic() < self._housekeeping_due:
            return
        self._housekeeping_due = time.monotonic() + HOUSEKEEPING_SECONDS
        try:
            with self._database.unit_of_work(SYSTEM) as uow:
                measure(uow)
            if (count := self._publisher.messages_in(self._dead_letters)) is not None:
                metrics.dead_letters_waiting.set(count)
        except WAITED_OUT as error:
            log.warning("outbox.not_measured", error=str(error) or type(error).__name__)
        except Exception:
            log.exception("outbox.not_measured")


def mark_sent(uow: UnitOfWork, ids: list[int]) -> None:
    """After the confirm, never before."""
    uow.at_commit(
        "UPDATE outbox SET sent_at = clock_timestamp(), last_error = NULL WHERE id = ANY(%s)", ids
    )


def hold_back(uow: UnitOfWork, subject: str) -> None:
    """Makes a subject's unsent rows wait as long as its first one."""
    waiting = (outbox.c.subject == subject) & outbox.c.sent_at.is_(None)
    until = sa.select(sa.func.max(outbox.c.due_at)).where(waiting).scalar_subquery()
    uow.execute(outbox.update().where(waiting).values(due_at=until))


def measure(uow: UnitOfWork) -> None:
    """Sets the gauges from what waits."""
    age = sa.func.extract("epoch", sa.func.now() - sa.func.min(outbox.c.created_at))
    row = uow.execute(
        sa.select(
            sa.func.count().label("waiting"),
            sa.func.coalesce(age, 0).label("age"),
            sa.func.count().filter(outbox.c.attempts > 0).label("failing"),
        ).where(outbox.c.sent_at.is_(None))
    ).one()
    metrics.events_unsent.set(row.waiting)
    metrics.oldest_unsent.set(float(row.age))
    metrics.events_failing.set(row.failing)


def prune(uow: UnitOfWork, *, event_log_days: int, operation_days: int, limit: int = 5_000) -> int:
    """Deletes some of what nobody needs any more and returns how many rows; call again while that is `limit`."""
    cutoff = sa.func.now() - timedelta(days=event_log_days)
    oldest = sa.select(outbox.c.id).order_by(outbox.c.id).limit(limit)
    sent_long_ago = outbox.delete().where(outbox.c.id.in_(oldest), outbox.c.sent_at < cutoff)
    deleted = uow.rows_of(sent_long_ago).rowcount
    for table, key, moment, days in (
        (inbox, inbox.c.event_id, inbox.c.received_at, event_log_days),
        (operations, operations.c.id, operations.c.created_at, operation_days),
    ):
        old = sa.select(key).where(moment < sa.func.now() - timedelta(days=days)).limit(limit)
        deleted = max(deleted, uow.rows_of(table.delete().where(key.in_(old))).rowcount)
    return deleted
