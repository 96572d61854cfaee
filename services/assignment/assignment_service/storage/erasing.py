"""Finding what ties a person to others, for erasure; and what an export shows of it."""

from __future__ import annotations

import uuid
from typing import Any, Final

import sqlalchemy as sa

from assignment_service.domain import Pair
from assignment_service.events import fact
from assignment_service.storage.changes import ASSIGNING
from assignment_service.storage.tables import assignments, participants
from chassis.database import UnitOfWork
from chassis.exporting import listed

OF_PERSON: Final = (
    assignments.c.organization_id == sa.bindparam("organization_id"),
    (assignments.c.instructor_id == sa.bindparam("person_id"))
    | (assignments.c.student_id == sa.bindparam("person_id")),
)
ACTIVE: Final = sa.select(assignments.c.instructor_id, assignments.c.student_id).where(
    *OF_PERSON, assignments.c.ended_at.is_(None)
)
WAIT_FOR_ASSIGNING: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(gate)s, 0))"


def end_of_assigning(uow: UnitOfWork) -> None:
    """Waits for whoever is assigning in this organization, and lets nobody begin until the transaction ends."""
    gate = {"gate": ASSIGNING.format(uow.organization_id)}
    uow.connection.exec_driver_sql(WAIT_FOR_ASSIGNING, gate)


def active_pairs(uow: UnitOfWork, person_id: uuid.UUID) -> list[Pair]:
    """The pairs that the person is assigned in, on either side."""
    whose = {"organization_id": uow.organization_id, "person_id": person_id}
    return [Pair(row.instructor_id, row.student_id) for row in uow.execute(ACTIVE, whose)]


def state(row: Any, _: uuid.UUID) -> dict[str, Any]:
    """What is known here of the person."""
    return {
        "id": str(row.id),
        "is_instructor": row.is_instructor,
        "is_student": row.is_student,
        "is_archived": row.is_archived,
    }


SECTIONS: Final = (
    listed(
        "assignments",
        "To whom the person is or was assigned, how that came about, when and by whom it was made and ended.",
        sa.select(assignments).where(*OF_PERSON),
        (assignments.c.assigned_at, assignments.c.id),
        lambda row, _: fact(row),
    ),
    listed(
        "assignment_standing",
        "What the assignment service goes by when it decides about the person.",
        sa.select(participants).where(
            participants.c.organization_id == sa.bindparam("organization_id"),
            participants.c.id == sa.bindparam("person_id"),
        ),
        (participants.c.id,),
        state,
    ),
)
