"""What cures an outbox that is stuck: what was put off goes now, or its subject goes on without it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from chassis.database import SYSTEM, Database
from chassis.operators import is_id, on_database

USAGE = """usage: python -m chassis outbox retry    what was put off goes now
       python -m chassis outbox skip ID  this event is not sent, so that its subject goes on"""

RETRY = "UPDATE outbox SET due_at = now() WHERE sent_at IS NULL AND due_at > now()"
SKIP = """
    UPDATE outbox SET sent_at = now(), last_error = 'skipped by an operator'
     WHERE event_id = %(event_id)s AND sent_at IS NULL RETURNING subject
"""
GO_ON = "UPDATE outbox SET due_at = now() WHERE sent_at IS NULL AND subject = %(subject)s"


def main(arguments: Sequence[str]) -> int:
    """Runs one of both; 1 if it could not, 2 with the usage if it makes no sense."""
    match list(arguments):
        case ["retry"]:
            return on_database(retry)
        case ["skip", text] if is_id(text):
            return on_database(lambda database: skip(database, text))
        case _:
            print(USAGE, file=sys.stderr)
            return 2


def retry(database: Database) -> int:
    """Makes all due that waits for a later time; the relays find them within a second."""
    with database.unit_of_work(SYSTEM) as uow:
        moved = uow.connection.exec_driver_sql(RETRY).rowcount
        uow.commit()
    print(f"due now: {moved}")
    return 0


def skip(database: Database, event_id: str) -> int:
    """Marks an event as sent that was not, and makes what waited behind it due. It stays in the event log."""
    with database.unit_of_work(SYSTEM) as uow:
        found = uow.connection.exec_driver_sql(SKIP, {"event_id": event_id}).one_or_none()
        if found is None:
            print(f"no event {event_id} waits to be sent", file=sys.stderr)
            return 1
        uow.connection.exec_driver_sql(GO_ON, {"subject": found.subject})
        uow.commit()
    print(f"skipped; {found.subject} goes on. To send it later: outbox replay --id {event_id}")
    return 0
