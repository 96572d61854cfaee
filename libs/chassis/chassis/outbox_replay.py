"""Sends events of a service's event log again: for what the broker lost after it had confirmed it.

Subscribers drop what they know by their inboxes, so a replay may be wider than what was lost, and may be repeated. It
leaves the outbox as it is, and what waits there to be sent for the first time: that is the relay's.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from amqp.exceptions import AMQPError
from environs import Env

from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.connections import RECOVERABLE
from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.errors import ServiceError
from chassis.events import CONTENT_TYPE, decode
from chassis.memory import REPLAYED_HEADER, replayed_since
from chassis.operators import operators_database
from chassis.topology import events_exchange

BATCH = 200
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
INTERRUPTED = 130

# Reading the log may take longer than a service's statement.
PATIENCE = "SET LOCAL statement_timeout = '10min'"

CHOSEN = """
    sent_at IS NOT NULL AND id <= %(newest)s
      AND (%(name)s::text IS NULL OR name = %(name)s)
      AND (%(subject)s::text IS NULL OR subject = %(subject)s)
      AND (%(organization)s::uuid IS NULL OR organization_id = %(organization)s)
      AND (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s)
      AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
"""
COUNT = f"""
    SELECT count(*) FILTER (WHERE created_at >= %(remembered)s) AS chosen,
           count(*) FILTER (WHERE created_at < %(remembered)s) AS too_old
      FROM outbox WHERE id > %(after)s AND {CHOSEN}
"""  # noqa: S608 - our own words, values are parameters # nosec B608
PAGE = f"""
    SELECT id, event_id, name, body FROM outbox
     WHERE id > %(after)s AND created_at >= %(remembered)s AND {CHOSEN} ORDER BY id LIMIT %(limit)s
"""  # noqa: S608 - as above # nosec B608
PLACE = "SELECT id FROM outbox WHERE event_id = %(event_id)s"
NEWEST = "SELECT id, body FROM outbox ORDER BY id DESC LIMIT 1"


class CannotReplay(Exception):
    """What was asked for makes no sense here; the text says why."""


@dataclass(slots=True)
class Tally:
    """What became of the events so far."""

    chosen: int = 0
    too_old: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    last: str = ""

    def note(self, batch: Sequence[Outgoing]) -> None:
        """Counts a batch that was published."""
        for outgoing in batch:
            self.outcomes[outgoing.outcome] = self.outcomes.get(outgoing.outcome, 0) + 1
        self.last = batch[-1].message_id

    def line(self) -> str:
        """All of it."""
        sent, unheard = (self.outcomes.get(o, 0) for o in (Outcome.CONFIRMED, Outcome.UNROUTABLE))
        refused = self.outcomes.get(Outcome.REFUSED, 0)
        return (
            f"chosen: {self.chosen}, sent: {sent}, without a queue: {unheard}, refused: {refused}"
        )


class EventLog:
    """What a service has sent, as far as it was chosen; fixed when it is opened."""

    def __init__(self, database: Database, options: argparse.Namespace, days: int) -> None:
        self._database = database
        newest = self._rows(NEWEST, {})
        if not newest:
            raise CannotReplay("the event log is empty")
        self.service = decode(newest[0].body).source
        self._parameters = {
            "newest": newest[0].id,
            "name": options.event or self._heard_by(options.queue),
            "subject": options.subject,
            "organization": options.organization,
            "event_id": options.id,
            "since": options.since,
            "until": options.until,
            "remembered": replayed_since(days),
            "after": self._place_of(options.after),
            "limit": min(BATCH, options.rate),
        }

    def _heard_by(self, queue: str | None) -> str | None:
        """The name of the event that a queue is for."""
        if queue is None:
            return None
        found = re.fullmatch(rf"[^.]+\.on_{self.service}_(.+)", queue)
        if found is None:
            raise CannotReplay(f"{queue} is no queue for events of {self.service}")
        return found[1]

    def _place_of(self, event_id: str | None) -> int:
        if event_id is None:
            return 0
        if not (found := self._rows(PLACE, {"event_id": event_id})):
            raise CannotReplay(f"there is no event {event_id}")
        place: int = found[0].id
        return place

    def count(self) -> Tally:
        """How many there are."""
        found = self._rows(COUNT, self._parameters)[0]
        return Tally(found.chosen, found.too_old)

    def pages(self) -> Iterator[Sequence[Any]]:
        """All of them, in the order in which they were stored."""
        after = self._parameters["after"]
        while rows := self._rows(PAGE, {**self._parameters, "after": after}):
            yield rows
            after = rows[-1].id

    def _rows(self, statement: str, parameters: dict[str, Any]) -> Sequence[Any]:
        with self._database.unit_of_work(SYSTEM) as uow:
            return read(uow, statement, parameters)


def read(uow: UnitOfWork, statement: str, parameters: dict[str, Any]) -> Sequence[Any]:
    """The rows, however long that takes."""
    uow.connection.exec_driver_sql(PATIENCE)
    return uow.connection.exec_driver_sql(statement, parameters).all()


def main(arguments: Sequence[str]) -> int:
    """Sends, or counts. 1 when something was left out or could not be sent, and what to do then."""
    options = parse(arguments)
    env = Env()
    try:
        with operators_database() as database:
            event_log = EventLog(database, options, env.int("EVENT_LOG_DAYS", 30))
            tally = event_log.count()
            if options.dry_run:
                print(f"chosen: {tally.chosen}")
            else:
                replay(event_log, tally, env.str("AMQP_URL"), options)
            return status(tally, options)
    except (CannotReplay, ServiceError) as error:
        print(error, file=sys.stderr)
        return 1


def replay(event_log: EventLog, tally: Tally, amqp_url: str, options: argparse.Namespace) -> None:
    """Sends page after page, not faster than wanted. Raises CannotReplay, saying how to go on, if it is stopped."""
    publisher = ConfirmedPublisher(amqp_url)
    try:
        for rows in event_log.pages():
            started = time.monotonic()
            batch = [outgoing_of(row, event_log.service, options.queue) for row in rows]
            publisher.publish_all(batch)
            tally.note(batch)
            time.sleep(max(0.0, len(batch) / options.rate - (time.monotonic() - started)))
    except (*RECOVERABLE, AMQPError, KeyboardInterrupt) as error:
        said = f"stopped by {type(error).__name__}; {tally.line()}"
        go_on = f"\nto go on, say the same with --after {tally.last}" if tally.last else ""
        raise CannotReplay(said + go_on) from error
    finally:
        publisher.close()
    print(tally.line())


def outgoing_of(row: Any, service: str, queue: str | None) -> Outgoing:
    """A copy for all subscribers, or for one queue alone."""
    return Outgoing(
        exchange="" if queue else events_exchange(service).name,
        routing_key=queue or row.name,
        body=row.body,
        message_id=str(row.event_id),
        content_type=CONTENT_TYPE,
        headers={REPLAYED_HEADER: datetime.now(UTC).isoformat(timespec="seconds")},
    )


def status(tally: Tally, options: argparse.Namespace) -> int:
    """1 if something is left to be said."""
    if tally.too_old:
        print(
            f"left out: {tally.too_old} that subscribers may have forgotten (EVENT_LOG_DAYS)",
            file=sys.stderr,
        )
    lost = tally.outcomes.get(Outcome.REFUSED, 0)
    if options.queue:
        lost += tally.outcomes.get(Outcome.UNROUTABLE, 0)
    return 1 if tally.too_old or lost else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line. At least one option that chooses."""
    parser = argparse.ArgumentParser(
        prog="python -m chassis outbox replay",
        description="Sends events again that DATABASE_URL's service has sent before. All that is said must hold.",
    )
    say = parser.add_argument
    say(
        "--since",
        type=moment,
        help="stored at this time or later: 2026-03-01T09:00+01:00, 90m, 6h, 2d",
    )
    say("--until", type=moment, help="stored before this time")
    say("--after", type=event_id, metavar="ID", help="stored behind this event")
    say("--id", type=event_id, help="this event")
    say("--event", metavar="NAME", help="events of this name")
    say("--subject", help="events of this subject")
    say("--organization", type=event_id, metavar="ID", help="events of this organization")
    say(
        "--queue", help="events for this queue, and to it alone (with the administrator's AMQP_URL)"
    )
    say("--rate", type=positive, default=500, help="at most so many in a second (default 500)")
    say("--dry-run", action="store_true", help="print how many it would be")
    options = parser.parse_args(arguments)
    said = vars(options)
    if not any(said[name] for name in ("since", "after", "id", "event", "subject", "queue")):
        parser.error("choose by --since, --after, --id, --event, --subject or --queue")
    return options


def moment(text: str) -> datetime:
    """A time, in UTC unless it says another zone, or how long ago."""
    if found := re.fullmatch(r"(\d+)([mhd])", text):
        return datetime.now(UTC) - timedelta(**{UNITS[found[2]]: int(found[1])})
    read_time = datetime.fromisoformat(text)
    return read_time if read_time.tzinfo else read_time.replace(tzinfo=UTC)


def event_id(text: str) -> str:
    """An id as PostgreSQL writes it."""
    return str(uuid.UUID(text))


def positive(text: str) -> int:
    """A number from 1."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number
