"""The statements that assign, end, and keep people's states; set-based, a few per call.

They are psycopg2's own text: compiling and converting by SQLAlchemy would cost as much again as running them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from assignment_service.domain import Origin, Pair, Participant, moment_of_beginning
from assignment_service.storage.states import ORGANIZATION, arrays_of
from assignment_service.storage.tables import assignments
from chassis.database import UnitOfWork
from chassis.prepared import Prepared

COLUMNS: Final = ", ".join(f"assignments.{column.name}" for column in assignments.c)


def named(sql: str) -> str:
    """psycopg2's `%(name)s` as the `:name` of prepared statements."""
    return re.sub(r"%\((\w+)\)s", r":\1", sql)


WANTED: Final = (
    "unnest(%(instructor_ids)s::uuid[], %(student_ids)s::uuid[]) "
    "AS wanted(instructor_id, student_id)"
)

# One lookup per pair, LATERAL with a LIMIT, in an organization the planner doesn't know: see storage.states.
ACTIVE: Final = f"""
    SELECT {COLUMNS} FROM assignments
     WHERE assignments.organization_id = {ORGANIZATION}
       AND assignments.instructor_id = wanted.instructor_id
       AND assignments.student_id = wanted.student_id AND assignments.ended_at IS NULL LIMIT 1
"""  # noqa: S608 - our own words # nosec B608

# OFFSET keeps it a lookup per pair instead of a join, coalesce keeps it to the indexes of pairs.
ENDED_SINCE: Final = f"""
    EXISTS (SELECT FROM assignments ended
             WHERE ended.organization_id = {ORGANIZATION}
               AND ended.instructor_id = wanted.instructor_id AND ended.student_id = wanted.student_id
               AND coalesce(ended.ended_at, '-infinity') > %(assigned_at)s OFFSET 0)
"""  # nosec B608 # our own words, values are parameters

# The pairs come sorted: two bulk calls that meet wait for each other's index entries in one order.
# DO NOTHING first waits for a transaction that is assigning, or ending, the same pair.
INSERTION: Final = """
    INSERT INTO assignments
           (organization_id, id, instructor_id, student_id, source, assigned_at, assigned_by)
    SELECT %(organization_id)s::uuid, wanted.id, wanted.instructor_id, wanted.student_id,
           %(source)s, %(assigned_at)s::timestamptz, %(assigned_by)s::uuid
      FROM unnest(%(ids)s::uuid[], %(instructor_ids)s::uuid[], %(student_ids)s::uuid[])
           AS wanted(id, instructor_id, student_id)
"""

# Who was erased is assigned to nobody, however late somebody's decision comes. Whoever assigns holds the organization's
# gate together with all others who do; erasing waits for them and then holds it alone (storage.erasing), so that each
# sees what the other did. A statement of its own, for the view of the one after it.
ASSIGNING: Final = "assigning:{}"
THROUGH_THE_GATE: Final = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%(gate)s, 0)); "
ERASED: Final = f"""
    EXISTS (SELECT FROM erased_people erased
             WHERE erased.organization_id = {ORGANIZATION}
               AND erased.person_id IN (wanted.instructor_id, wanted.student_id) OFFSET 0)
"""  # nosec B608 # our own words

INSERT: Final = (
    f"{THROUGH_THE_GATE}{INSERTION} WHERE NOT {ERASED} ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
)

# Every booking comes here, so both are planned once per connection: planning took five times as long as running.
ORIGIN_TYPES: Final = {
    "organization_id": "uuid",
    "ids": "text[]",
    "instructor_ids": "text[]",
    "student_ids": "text[]",
    "source": "text",
    "assigned_at": "timestamptz",
    "assigned_by": "uuid",
}
INSERT_UNLESS_ENDED_SINCE: Final = Prepared(
    "insert_unless_ended_since",
    ORIGIN_TYPES,
    named(
        f"{INSERTION} WHERE NOT {ENDED_SINCE} AND NOT {ERASED} "
        f"ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
    ),
    before=THROUGH_THE_GATE,
)

# A statement of its own, for its view: the insert may have waited for a transaction that ended the pair and was not
# visible to its EXISTS; this one sees it. (An advisory lock per pair would do as well, but not for hundreds of pairs.)
ENDED_MEANWHILE: Final = Prepared(
    "ended_meanwhile",
    ORIGIN_TYPES,
    named(
        f"SELECT active.id FROM {WANTED} "  # noqa: S608 - our own words # nosec B608
        f"CROSS JOIN LATERAL ({ACTIVE}) active WHERE {ENDED_SINCE}"
    ),
)

# For its view as well, and in one lookup per pair: who waited for an end began before it.
LATER_ENDS: Final = f"""
    SELECT wanted.instructor_id, wanted.student_id, later.last_end
      FROM {WANTED} CROSS JOIN LATERAL (
           SELECT max(ended.ended_at) AS last_end FROM assignments ended
            WHERE ended.organization_id = {ORGANIZATION}
              AND ended.instructor_id = wanted.instructor_id AND ended.student_id = wanted.student_id
              AND ended.ended_at >= %(assigned_at)s OFFSET 0) later
     WHERE later.last_end IS NOT NULL
"""  # noqa: S608 - our own words, values are parameters # nosec B608

BEGIN_LATER: Final = f"""
    UPDATE assignments SET assigned_at = %(assigned_at)s
     WHERE assignments.organization_id = {ORGANIZATION} AND assignments.id = %(id)s::uuid
    RETURNING {COLUMNS}
"""  # noqa: S608 - see above # nosec B608

WITHDRAW: Final = """
    DELETE FROM assignments WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s::uuid[])
"""

ACTIVE_OF: Final = f"SELECT active.* FROM {WANTED} CROSS JOIN LATERAL ({ACTIVE}) active"  # noqa: S608 - our own words, values are parameters # nosec B608

# Rows are locked one by one in the order of the pairs first: an UPDATE alone would take them in the order of its plan
# and could deadlock. A clock behind the one that assigned must not end before the start.
END: Final = f"""
    WITH active AS MATERIALIZED (
        SELECT found.id FROM {WANTED} CROSS JOIN LATERAL ({ACTIVE} FOR UPDATE) found
    )
    UPDATE assignments
       SET ended_at = greatest(%(ended_at)s::timestamptz, assigned_at), ended_by = %(ended_by)s
     WHERE assignments.organization_id = {ORGANIZATION}
       AND assignments.id = ANY(ARRAY(SELECT id FROM active))
    RETURNING {COLUMNS}
"""  # noqa: S608 - our own words # nosec B608

UPSERT_PARTICIPANTS: Final = """
    INSERT INTO participants (organization_id, id, is_instructor, is_student, is_archived, version)
    SELECT %(organization_id)s::uuid, known.*
      FROM unnest(%(ids)s::uuid[], %(are_instructors)s::boolean[], %(are_students)s::boolean[],
                  %(are_archived)s::boolean[], %(versions)s::bigint[]) AS known
        ON CONFLICT (organization_id, id) DO UPDATE
       SET is_instructor = excluded.is_instructor, is_student = excluded.is_student,
           is_archived = excluded.is_archived, version = excluded.version
     WHERE participants.version < excluded.version
"""


def insert(uow: UnitOfWork, pairs: Mapping[Pair, uuid.UUID], origin: Origin) -> Sequence[Any]:
    """Assigns those of `pairs` (with the ids to give) that have no active assignment; returns the new rows."""
    rows = {row.id: row for row in rows_of(uow, INSERT, insertion(uow, pairs, origin))}
    made = {Pair(row.instructor_id, row.student_id): row.id for row in rows.values()}
    if made:
        parameters = {"assigned_at": origin.at, **arrays_of(sorted(made))}
        for late in rows_of(uow, LATER_ENDS, parameters):
            found = made[Pair(late.instructor_id, late.student_id)]
            begin = {"id": str(found), "assigned_at": moment_of_beginning(origin.at, late.last_end)}
            [rows[found]] = rows_of(uow, BEGIN_LATER, begin)
    return list(rows.values())


def insert_unless_ended_since(
    uow: UnitOfWork, pairs: Mapping[Pair, uuid.UUID], origin: Origin
) -> Sequence[Any]:
    """As `insert`, for what was decided elsewhere at `origin.at`: a pair that was ended after that stays ended."""
    parameters = {"organization_id": str(uow.organization_id), **insertion(uow, pairs, origin)}
    rows = uow.run(INSERT_UNLESS_ENDED_SINCE, parameters).all()
    if not rows:
        return rows
    inserted = {row.id for row in rows}
    late = inserted & {row.id for row in uow.run(ENDED_MEANWHILE, parameters)}
    if late:
        ids = {"organization_id": parameters["organization_id"], "ids": [str(one) for one in late]}
        uow.connection.exec_driver_sql(WITHDRAW, ids)
    return [row for row in rows if row.id not in late]


def insertion(uow: UnitOfWork, pairs: Mapping[Pair, uuid.UUID], origin: Origin) -> dict[str, Any]:
    """The parameters of an insert, the pairs in the order in which everybody takes them."""
    ordered = sorted(pairs)
    return {
        "gate": ASSIGNING.format(uow.organization_id),
        "source": origin.source.value,
        "assigned_at": origin.at,
        "assigned_by": str(origin.by),
        "ids": [str(pairs[pair]) for pair in ordered],
        **arrays_of(ordered),
    }


def active_of(uow: UnitOfWork, pairs: Sequence[Pair]) -> Sequence[Any]:
    """The active assignments of `pairs`, in no order."""
    return rows_of(uow, ACTIVE_OF, arrays_of(pairs))


def end(uow: UnitOfWork, pairs: Iterable[Pair], *, by: uuid.UUID, at: datetime) -> Sequence[Any]:
    """Ends the active assignments of `pairs` and returns them."""
    parameters = {"ended_at": at, "ended_by": str(by), **arrays_of(sorted(set(pairs)))}
    return rows_of(uow, END, parameters)


def store_participants(uow: UnitOfWork, people: Sequence[Participant]) -> None:
    """Keeps what is newer than what is known; `people` are distinct and in the order of their ids."""
    parameters = {
        "organization_id": str(uow.organization_id),
        "ids": [str(person.id) for person in people],
        "are_instructors": [person.is_instructor for person in people],
        "are_students": [person.is_student for person in people],
        "are_archived": [person.is_archived for person in people],
        "versions": [person.version for person in people],
    }
    uow.connection.exec_driver_sql(UPSERT_PARTICIPANTS, parameters)


def rows_of(uow: UnitOfWork, sql: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
    """The rows of a statement confined to the transaction's organization."""
    scoped = {**parameters, "organization_id": str(uow.organization_id)}
    return uow.connection.exec_driver_sql(sql, scoped).all()
