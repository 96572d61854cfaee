"""The queue of mails. It is everybody's: the worker looks after all organizations, in the system scope."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.prepared import Prepared
from identity_service.storage.links import PRIORITIES
from identity_service.storage.pruning import prune
from identity_service.storage.sign_in_tables import mails

# Longer than a dialogue may last: then another process takes the mail over.
HELD_SECONDS = 180

# The row stays locked while the mail is handed over; when the process dies, PostgreSQL lets go of it at once.
TAKE_NEXT = Prepared(
    "take_next_mail",
    {"priorities": "smallint[]"},
    """
    SELECT m.organization_id, m.id, m.user_id, m.kind, m.link_id, m.created_at, m.attempts, m.reason, l.purpose,
           u.first_name, u.last_name, u.email, u.username, u.status, o.name AS organization_name,
           coalesce(l.used_at IS NULL AND l.expires_at > now(), true) AS is_wanted
      FROM (
            SELECT w.organization_id, w.id, w.user_id, w.kind, w.link_id, w.created_at, w.attempts, w.reason
              FROM mails AS w
             WHERE w.status = 'waiting' AND w.priority = ANY(:priorities) AND w.due_at <= now()
             ORDER BY w.priority, w.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
           ) AS m
      JOIN users AS u ON u.organization_id = m.organization_id AND u.id = m.user_id
      JOIN organizations AS o ON o.organization_id = m.organization_id
      LEFT JOIN links AS l ON l.organization_id = m.organization_id AND l.id = m.link_id
    """,
)
HOLD = (
    f"SET LOCAL idle_in_transaction_session_timeout = '{HELD_SECONDS}s'; SAVEPOINT not_handed_over"
)
NOT_HANDED_OVER = "ROLLBACK TO SAVEPOINT not_handed_over"

MARK = """
    UPDATE mails SET status = %(status)s, done_at = now(), reason = %(reason)s
     WHERE organization_id = %(organization_id)s::uuid AND id = %(id)s::uuid
"""
PUT_OFF = """
    UPDATE mails SET attempts = attempts + 1, due_at = clock_timestamp() + %(delay)s, reason = %(reason)s
     WHERE organization_id = %(organization_id)s::uuid AND id = %(id)s::uuid
"""
COUNTS = """
    SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting, count(*) FILTER (WHERE status = 'failed') AS failed,
           coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE status = 'waiting')), 0)::float8 AS oldest
      FROM mails WHERE status IN ('waiting', 'failed')
"""
LISTED = """
    SELECT id, organization_id, user_id, kind, status, attempts, reason, created_at, due_at, done_at
      FROM mails WHERE status = %(status)s ORDER BY created_at, id LIMIT %(most)s
"""
# What has been sent is not sent again by this, whatever id is given.
AGAIN = """
    UPDATE mails SET status = 'waiting', due_at = now(), created_at = now(), done_at = NULL, attempts = 0
     WHERE status = 'failed' AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
"""


def take_next(uow: UnitOfWork) -> Any | None:
    """The mail to send next, locked until the transaction ends; None if none is due or others have them all."""
    row = uow.run(TAKE_NEXT, {"priorities": sorted(set(PRIORITIES.values()))}).one_or_none()
    if row is not None:
        uow.connection.exec_driver_sql(HOLD)
    return row


def mark(uow: UnitOfWork, mail: Any, status: str, reason: str | None = None) -> None:
    """Notes what became of a mail."""
    uow.connection.exec_driver_sql(MARK, {**ids(mail), "status": status, "reason": reason})


def take_mark_back(uow: UnitOfWork) -> None:
    """Undoes what was noted since the mail was taken, which stays locked."""
    uow.connection.exec_driver_sql(NOT_HANDED_OVER)


def put_off(uow: UnitOfWork, mail: Any, delay: timedelta, reason: str) -> None:
    """Lets a mail wait before it is tried again."""
    uow.connection.exec_driver_sql(PUT_OFF, {**ids(mail), "delay": delay, "reason": reason})


def ids(mail: Any) -> dict[str, str]:
    """What names a mail's row."""
    return {"organization_id": str(mail.organization_id), "id": str(mail.id)}


def counts(database: Database) -> Any:
    """How many wait and failed, and the age in seconds of the oldest that waits."""
    return database.one_shot(SYSTEM, COUNTS, {})[0]


def listed(database: Database, status: str, most: int) -> Sequence[Any]:
    """Up to `most` mails of a status, oldest first."""
    found: Sequence[Any] = database.one_shot(SYSTEM, LISTED, {"status": status, "most": most})
    return found


def send_again(database: Database, mail_id: uuid.UUID | None) -> int:
    """Lets a failed mail, or all of them, be tried anew; returns how many."""
    with database.unit_of_work(SYSTEM) as uow:
        parameters = {"id": None if mail_id is None else str(mail_id)}
        count = uow.connection.exec_driver_sql(AGAIN, parameters).rowcount
        uow.commit()
    return count


def forget_old(uow: UnitOfWork, before: datetime, limit: int = 1000) -> int:
    """Deletes some of the mails that were done before a moment, and returns how many."""
    return prune(uow, mails, mails.c.done_at < before, limit)
