"""The statements that assign, end, and keep people's states; set-based, a few per call."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from assignment_service.domain import Origin, Pair, Participant
from assignment_service.storage.states import arrays_of
from assignment_service.storage.tables import assignments
from chassis.database import UnitOfWork

COLUMNS: Final = ", ".join(column.name for column in assignments.c)
COLUMNS_OF_TABLE: Final = ", ".join(f"assignments.{column.name}" for column in assignments.c)

WANTED: Final = (
    "unnest(CAST(:instructor_ids AS uuid[]), CAST(:student_ids AS uuid[])) "
    "AS wanted(instructor_id, student_id)"
)

ACTIVE: Final = """
    assignments.organization_id = :organization_id
    AND assignments.instructor_id = wanted.instructor_id
    AND assignments.student_id = wanted.student_id AND assignments.ended_at IS NULL
"""

ENDED_SINCE: Final = """
    EXISTS (SELECT FROM assignments ended
             WHERE ended.organization_id = :organization_id AND ended.ended_at > :assigned_at
               AND ended.instructor_id = {pair}.instructor_id AND ended.student_id = {pair}.student_id)
"""

# The pairs come sorted: two bulk calls that meet wait for each other's index entries in one order.
# DO NOTHING first waits for a transaction that is assigning, or ending, the same pair.
INSERTION: Final = """
    INSERT INTO assignments
           (organization_id, id, instructor_id, student_id, source, assigned_at, assigned_by)
    SELECT :organization_id, wanted.id, wanted.instructor_id, wanted.student_id,
           :source, :assigned_at, :assigned_by
      FROM unnest(CAST(:ids AS uuid[]), CAST(:instructor_ids AS uuid[]), CAST(:student_ids AS uuid[]))
           AS wanted(id, instructor_id, student_id)
     WHERE {condition}
        ON CONFLICT DO NOTHING
    RETURNING {columns}
"""

INSERT = sa.text(INSERTION.format(condition="true", columns=COLUMNS)).columns(*assignments.c)

INSERT_UNLESS_ENDED_SINCE = sa.text(
    INSERTION.format(condition=f"NOT {ENDED_SINCE.format(pair='wanted')}", columns=COLUMNS)
).columns(*assignments.c)

# The insert may have waited for a transaction that ended the pair and was not visible to its own NOT EXISTS; a
# statement of its own sees it. (An advisory lock per pair would do as well, but not for a thousand pairs.)
WITHDRAW_ENDED_SINCE = sa.text(
    f"""
    DELETE FROM assignments late
     WHERE late.organization_id = :organization_id AND late.id = ANY(CAST(:ids AS uuid[]))
       AND {ENDED_SINCE.format(pair="late")}
    RETURNING late.id
    """  # noqa: S608 - our own words
).columns(assignments.c.id)

ACTIVE_OF = sa.text(
    f"SELECT {COLUMNS_OF_TABLE} FROM {WANTED} JOIN assignments ON {ACTIVE}"  # noqa: S608
).columns(*assignments.c)

# Rows are locked in one order first: an UPDATE alone would take them in the order of its plan and could deadlock.
# A clock behind the one that assigned must not end before the start.
END = sa.text(
    f"""
    WITH active AS MATERIALIZED (
        SELECT assignments.id FROM {WANTED} JOIN assignments ON {ACTIVE}
         ORDER BY assignments.instructor_id, assignments.student_id
           FOR UPDATE OF assignments
    )
    UPDATE assignments SET ended_at = greatest(:ended_at, assigned_at), ended_by = :ended_by
      FROM active
     WHERE assignments.organization_id = :organization_id AND assignments.id = active.id
    RETURNING {COLUMNS_OF_TABLE}
    """  # noqa: S608 - our own words
).columns(*assignments.c)

UPSERT_PARTICIPANTS = sa.text(
    """
    INSERT INTO participants (organization_id, id, is_instructor, is_student, is_archived, version)
    SELECT :organization_id, known.*
      FROM unnest(CAST(:ids AS uuid[]), CAST(:are_instructors AS boolean[]),
                  CAST(:are_students AS boolean[]), CAST(:are_archived AS boolean[]),
                  CAST(:versions AS bigint[])) AS known
        ON CONFLICT (organization_id, id) DO UPDATE
       SET is_instructor = excluded.is_instructor, is_student = excluded.is_student,
           is_archived = excluded.is_archived, version = excluded.version
     WHERE participants.version < excluded.version
    """
)


def insert(uow: UnitOfWork, pairs: Mapping[Pair, uuid.UUID], origin: Origin) -> Sequence[Any]:
    """Assigns those of `pairs` (with the ids to give) that have no active assignment; returns the new rows."""
    return uow.execute(INSERT, insertion(uow, pairs, origin)).all()


def insert_unless_ended_since(
    uow: UnitOfWork, pairs: Mapping[Pair, uuid.UUID], origin: Origin
) -> Sequence[Any]:
    """As `insert`, for what was decided elsewhere at `origin.at`: a pair that was ended after that stays ended."""
    parameters = insertion(uow, pairs, origin)
    rows = uow.execute(INSERT_UNLESS_ENDED_SINCE, parameters).all()
    if not rows:
        return rows
    ids = [str(row.id) for row in rows]
    withdrawn = set(uow.execute(WITHDRAW_ENDED_SINCE, {**parameters, "ids": ids}).scalars())
    return [row for row in rows if row.id not in withdrawn]


def insertion(uow: UnitOfWork, pairs: Mapping[Pair, uuid.UUID], origin: Origin) -> dict[str, Any]:
    """The parameters of an insert, the pairs in the order in which everybody takes them."""
    ordered = sorted(pairs)
    return {
        "organization_id": uow.organization_id,
        "source": origin.source.value,
        "assigned_at": origin.at,
        "assigned_by": origin.by,
        "ids": [str(pairs[pair]) for pair in ordered],
        **arrays_of(ordered),
    }


def active_of(uow: UnitOfWork, pairs: Sequence[Pair]) -> Sequence[Any]:
    """The active assignments of `pairs`, in no order."""
    parameters = {"organization_id": uow.organization_id, **arrays_of(pairs)}
    return uow.execute(ACTIVE_OF, parameters).all()


def end(uow: UnitOfWork, pairs: Iterable[Pair], *, by: uuid.UUID, at: datetime) -> Sequence[Any]:
    """Ends the active assignments of `pairs` and returns them."""
    parameters = {
        "organization_id": uow.organization_id,
        "ended_at": at,
        "ended_by": by,
        **arrays_of(sorted(set(pairs))),
    }
    return uow.execute(END, parameters).all()


def store_participants(uow: UnitOfWork, people: Sequence[Participant]) -> None:
    """Keeps what is newer than what is known; `people` are distinct and in the order of their ids."""
    parameters = {
        "organization_id": uow.organization_id,
        "ids": [str(person.id) for person in people],
        "are_instructors": [person.is_instructor for person in people],
        "are_students": [person.is_student for person in people],
        "are_archived": [person.is_archived for person in people],
        "versions": [person.version for person in people],
    }
    uow.execute(UPSERT_PARTICIPANTS, parameters)
