"""Reading assignments, active and ended."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from assignment_service.domain import Pair
from assignment_service.storage.tables import assignments
from chassis import unseen
from chassis.database import UnitOfWork

LATEST_OF_PAIR = (
    sa.select(assignments)
    .where(
        assignments.c.organization_id == sa.bindparam("organization_id"),
        assignments.c.instructor_id == sa.bindparam("instructor_id"),
        assignments.c.student_id == sa.bindparam("student_id"),
    )
    .order_by(assignments.c.ended_at.desc().nulls_first())
    .limit(1)
)


def latest_of(uow: UnitOfWork, pair: Pair) -> Any | None:
    """The pair's active assignment, else the one that ended last, else None."""
    return uow.execute(
        LATEST_OF_PAIR,
        {
            "organization_id": uow.organization_id,
            "instructor_id": pair.instructor_id,
            "student_id": pair.student_id,
        },
    ).one_or_none()


class Filters(NamedTuple):
    """Which assignments to list; `of_person` confines to one person's own, on either side."""

    instructor_id: uuid.UUID | None
    student_id: uuid.UUID | None
    status: str | None
    of_person: uuid.UUID | None


def newest(
    uow: UnitOfWork, filters: Filters, *, before: tuple[datetime, uuid.UUID] | None, limit: int
) -> Sequence[Any]:
    """Assignments, newest first, from behind the place `before`."""
    columns = assignments.c
    organization = unseen.hidden(sa.literal(uow.organization_id))
    conditions = [columns.organization_id == organization, *conditions_of(filters)]
    if before is not None:
        place = sa.tuple_(sa.literal(before[0]), sa.literal(before[1]))
        conditions.append(sa.tuple_(columns.assigned_at, columns.id) < place)
    order = columns.assigned_at.desc(), columns.id.desc()
    return uow.execute(
        sa.select(assignments).where(*conditions).order_by(*order).limit(limit)
    ).all()


def conditions_of(filters: Filters) -> list[sa.ColumnElement[bool]]:
    """The filters in SQL."""
    columns = assignments.c
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.instructor_id is not None:
        conditions.append(columns.instructor_id == filters.instructor_id)
    if filters.student_id is not None:
        conditions.append(columns.student_id == filters.student_id)
    if filters.of_person is not None:
        person = filters.of_person
        conditions.append((columns.instructor_id == person) | (columns.student_id == person))
    if filters.status is not None:
        is_active = filters.status == "active"
        conditions.append(
            columns.ended_at.is_(None) if is_active else columns.ended_at.is_not(None)
        )
    return conditions
