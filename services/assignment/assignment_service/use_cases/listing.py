"""Who is assigned to whom, and was."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from assignment_service import access, events, storage
from assignment_service.domain import Pair, Role
from assignment_service.use_cases.deciding import ids_of
from chassis.context import Actor
from chassis.database import Database
from chassis.pages import decode_cursor, encode_cursor, moment, page

MOST_PARTNERS: Final = 10_000  # a page of about a megabyte


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
    assigned_at, assignment_id = decode_cursor(cursor, moment, uuid.UUID)
    return assigned_at, assignment_id


def list_partners(
    database: Database,
    actor: Actor,
    *,
    instructor_ids: Sequence[uuid.UUID] | None,
    student_ids: Sequence[uuid.UUID] | None,
    cursor: str | None,
) -> dict[str, Any]:
    """A page of the active pairs of these instructors, or of these students, be somebody in them archived or not."""
    access.may_look_at_all(actor)
    role = Role.STUDENT if instructor_ids is None else Role.INSTRUCTOR
    found = storage.active_pairs_of(
        database,
        actor.organization_id,
        role,
        instructor_ids or student_ids or [],
        start=pair_at(cursor),
        limit=MOST_PARTNERS + 1,
    )
    return {
        "pairs": [ids_of(pair) for pair in found[:MOST_PARTNERS]],
        "next_cursor": encode_cursor(*found[-1]) if len(found) > MOST_PARTNERS else None,
    }


def pair_at(cursor: str | None) -> Pair | None:
    """The pair with which the page starts; Invalid for what is no cursor of ours."""
    return None if cursor is None else Pair(*decode_cursor(cursor, uuid.UUID, uuid.UUID))
