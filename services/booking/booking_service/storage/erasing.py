"""Forgetting a person: the words of their sessions go, times and people stay."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from booking_service.domain import OPEN, Session
from booking_service.storage.schedules import HOLD_SCHEDULE, schedule_key
from booking_service.storage.sessions import SESSION_COLUMNS, session_of
from booking_service.storage.tables import sessions
from chassis import erasing
from chassis.database import UnitOfWork

OF_PERSON: Final = (
    sessions.c.organization_id == sa.bindparam("own_organization"),
    (sessions.c.instructor_id == sa.bindparam("person_id"))
    | (sessions.c.student_id == sa.bindparam("person_id")),
)
# In the order of everybody who locks several.
LOCK_ALL: Final = (
    sa.select(sessions.c.id).where(*OF_PERSON).order_by(sessions.c.id).with_for_update()
)
COMING: Final = (
    sa.select(*SESSION_COLUMNS)
    .where(
        *OF_PERSON,
        sessions.c.starts_at > sa.bindparam("after"),
        sessions.c.status.in_(sorted(OPEN)),
    )
    .order_by(sessions.c.id)
)
WORDS: Final = ("title", "notes", "location", "reason")
FORGET_WORDS: Final = (
    sessions.update()
    .where(*OF_PERSON, sa.func.coalesce(*(sessions.c[word] for word in WORDS)).is_not(None))
    .values(
        **dict.fromkeys(WORDS), version=sessions.c.version + 1, updated_at=sa.func.clock_timestamp()
    )
)


def hold_sessions(uow: UnitOfWork, person_id: uuid.UUID) -> None:
    """Holds the person's schedule and all their sessions until the transaction ends: whoever books or changes waits."""
    key = schedule_key(uow.organization_id, person_id)
    uow.connection.exec_driver_sql(HOLD_SCHEDULE, {"key": key})
    uow.execute(LOCK_ALL, whose(uow, person_id))


def coming_sessions(uow: UnitOfWork, person_id: uuid.UUID, *, after: datetime) -> list[Session]:
    """The person's open sessions that start after `after`."""
    rows = uow.execute(COMING, {**whose(uow, person_id), "after": after})
    return [session_of(row) for row in rows]


def forget_words(uow: UnitOfWork, person_id: uuid.UUID) -> None:
    """Empties what people wrote into the person's sessions, also in the results kept for repeated calls."""
    uow.execute(FORGET_WORDS, whose(uow, person_id))

    def without_words(item: dict[str, Any]) -> dict[str, Any]:
        is_theirs = str(person_id) in (item.get("instructor_id"), item.get("student_id"))
        empty: dict[str, Any] = {word: None for word in WORDS if word in item}
        return {**item, **empty} if is_theirs else item

    erasing.rewrite_operations(uow, person_id, without_words)


def whose(uow: UnitOfWork, person_id: uuid.UUID) -> Mapping[str, Any]:
    """The parameters of a statement about one person."""
    return {"own_organization": uow.organization_id, "person_id": person_id}
