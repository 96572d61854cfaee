"""What booking holds about one person, as an export shows it."""

from __future__ import annotations

import uuid
from typing import Any, Final

import sqlalchemy as sa

from booking_service.schemas import session_view
from booking_service.storage.sessions import SESSION_COLUMNS, session_of
from booking_service.storage.tables import participants, sessions
from chassis.exporting import listed
from chassis.fields import rfc3339


def session(row: Any, _: uuid.UUID) -> dict[str, Any]:
    """A session with all that was written about it."""
    found = session_of(row)
    more = {"reason": found.reason, "updated_at": rfc3339(found.updated_at)}
    return {**session_view(found), **more}


def standing(row: Any, _: uuid.UUID) -> dict[str, Any]:
    """What booking goes by when it decides about the person."""
    return {"id": str(row.id), "roles": row.roles, "status": row.status}


SECTIONS: Final = (
    listed(
        "sessions",
        "The person's sessions as instructor or student, with title, notes, location and why one was cancelled.",
        sa.select(*SESSION_COLUMNS).where(
            sessions.c.organization_id == sa.bindparam("organization_id"),
            (sessions.c.instructor_id == sa.bindparam("person_id"))
            | (sessions.c.student_id == sa.bindparam("person_id")),
        ),
        (sessions.c.starts_at, sessions.c.id),
        session,
    ),
    listed(
        "booking_standing",
        "What the booking service goes by when somebody books with the person.",
        sa.select(participants).where(
            participants.c.organization_id == sa.bindparam("organization_id"),
            participants.c.id == sa.bindparam("person_id"),
        ),
        (participants.c.id,),
        standing,
    ),
)
