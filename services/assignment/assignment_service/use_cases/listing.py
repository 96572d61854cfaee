"""Who is assigned to whom, and was."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from assignment_service import access, events, storage
from chassis.context import Actor
from chassis.database import Database
from chassis.pages import decode_cursor, page


def list_assignments(
    database: Database,
    actor: Actor,
    *,
    instructor_id: uuid.UUID | None,
    student_id: uuid.UUID | None,
    status: str | None,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """A page of assignments, newest first, ended ones included; others than administrators see their own alone."""
    filters = storage.Filters(instructor_id, student_id, status, access.confined_to(actor))
    with database.unit_of_work(actor.organization_id) as uow:
        rows = storage.newest(uow, filters, before=place_of(cursor), limit=limit + 1)
    return page(rows, limit, events.fact, lambda row: (row.assigned_at.isoformat(), str(row.id)))


def place_of(cursor: str | None) -> tuple[datetime, uuid.UUID] | None:
    """Where the page before ended; Invalid for what is no cursor of ours."""
    if cursor is None:
        return None
    assigned_at, assignment_id = decode_cursor(cursor, datetime.fromisoformat, uuid.UUID)
    return assigned_at, assignment_id
