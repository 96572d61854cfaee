"""The writing side: who writes a session's time first takes the advisory locks of its two people, in one order.

Two bookings of one person then wait for each other instead of deadlocking on the exclusion constraints, and the query
for what is in the way can trust what it sees, also of sessions that overlap on purpose.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from booking_service.domain import MAX_MINUTES, Facts, Organization, Participant, Session
from booking_service.errors import SessionConflict
from booking_service.storage.sessions import SESSION_COLUMNS
from booking_service.storage.tables import sessions
from chassis.database import UnitOfWork, constraint_of
from chassis.fields import rfc3339
from chassis.prepared import Prepared

EXCLUSION_CONSTRAINTS: Final = frozenset({"sessions_instructor_free", "sessions_student_free"})

# In one round trip with the locks, but as statements of their own: each sees what was committed when it starts, so what
# follows the locks sees all that their former holders did. One statement with the locks inside would look at the past.
READ_FACTS: Final = Prepared(
    "read_facts",
    {"organization_id": "uuid", "instructor_id": "uuid", "student_id": "uuid"},
    """
    SELECT o.time_zone, o.conflict_policy, o.students_may_book,
           i.roles AS instructor_roles, i.status AS instructor_status,
           s.roles AS student_roles, s.status AS student_status
      FROM (SELECT) AS always
      LEFT JOIN organizations o ON o.organization_id = :organization_id
      LEFT JOIN participants i ON i.organization_id = :organization_id AND i.id = :instructor_id
      LEFT JOIN participants s ON s.organization_id = :organization_id AND s.id = :student_id
    """,
    before="""
    SELECT pg_advisory_xact_lock(hashtextextended(%(first)s, 0));
    SELECT pg_advisory_xact_lock(hashtextextended(%(second)s, 0));
    """,
)

HOLD_SCHEDULE: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))"

MOST_CONFLICTS: Final = 20


def _clashes_of(person: str, role: str) -> str:
    """What is in the way of the session's `person` in some `role`; by index, as no session is longer than 12 hours."""
    return f"""
        (SELECT id, starts_at, ends_at, '{person}' AS who
           FROM sessions
          WHERE organization_id = :organization_id AND {role}_id = :{person}_id
            AND starts_at < :ends_at AND starts_at > :starts_at - interval '{MAX_MINUTES} minutes'
            AND ends_at > :starts_at AND status <> 'cancelled' AND id <> :id
          ORDER BY starts_at, id LIMIT {MOST_CONFLICTS})
    """  # noqa: S608 - literals below # nosec B608


# Who holds both roles can't teach and learn at once. The constraints know one column each, so that rests on the locks.
CLASHES_SQL: Final = " UNION ALL ".join(
    _clashes_of(person, role)
    for person in ("instructor", "student")
    for role in ("instructor", "student")
)
SLOT_TYPES: Final = {
    "organization_id": "uuid",
    "id": "uuid",
    "instructor_id": "uuid",
    "student_id": "uuid",
    "starts_at": "timestamptz",
    "ends_at": "timestamptz",
}
FIND_CLASHES: Final = Prepared("find_clashes", SLOT_TYPES, CLASHES_SQL)

DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy left it so
ROW_TYPES: Final = {"organization_id": "uuid"} | {
    column.name: column.type.compile(DIALECT) for column in SESSION_COLUMNS
}
INSERT_UNLESS_CLASHING: Final = Prepared(
    "insert_unless_clashing",
    ROW_TYPES,
    f"""
    WITH clashes AS MATERIALIZED (
        SELECT * FROM ({CLASHES_SQL}) AS found WHERE NOT :allow_overlap
    ), stored AS (
        INSERT INTO sessions ({", ".join(ROW_TYPES)})
        SELECT {", ".join(f":{name}" for name in ROW_TYPES)} WHERE NOT EXISTS (SELECT FROM clashes)
    )
    SELECT EXISTS (
               SELECT FROM sessions
                WHERE organization_id = :organization_id AND instructor_id = :instructor_id
                  AND student_id = :student_id AND booked_by_admin
           ) AS pair_booked_before,
           clashes.*
      FROM (SELECT) AS always LEFT JOIN clashes ON true
    """,  # noqa: S608 - column names of ours # nosec B608
)

CHANGEABLE: Final = (
    "starts_at",
    "ends_at",
    "time_zone",
    "wall_clock",
    "status",
    "title",
    "notes",
    "location",
    "allow_overlap",
    "booked_by_admin",
    "reason",
    "updated_at",
    "version",
)
UPDATE: Final = (
    sessions.update()
    .where(
        sessions.c.organization_id == sa.bindparam("own_organization"),
        sessions.c.id == sa.bindparam("session_id"),
    )
    .values({name: sa.bindparam(name) for name in CHANGEABLE})
)


def lock_pair_and_read_facts(
    uow: UnitOfWork, instructor_id: uuid.UUID, student_id: uuid.UUID
) -> Facts:
    """Holds both schedules until the transaction ends; what the replicas know of the pair and its organization."""
    organization_id = str(uow.organization_id)
    first, second = sorted(
        schedule_key(uow.organization_id, person) for person in (instructor_id, student_id)
    )
    row = uow.run(
        READ_FACTS,
        {
            "first": first,
            "second": second,
            "organization_id": organization_id,
            "instructor_id": str(instructor_id),
            "student_id": str(student_id),
        },
    ).one()
    return Facts(
        organization=Organization(row.time_zone, row.conflict_policy, row.students_may_book)
        if row.time_zone is not None
        else None,
        instructor=_participant(row.instructor_roles, row.instructor_status),
        student=_participant(row.student_roles, row.student_status),
    )


def schedule_key(organization_id: uuid.UUID, person_id: uuid.UUID) -> str:
    """What whoever writes into a person's schedule locks."""
    return f"schedule:{organization_id}:{person_id}"


def _participant(roles: Sequence[str] | None, status: str) -> Participant | None:
    return None if roles is None else Participant(frozenset(roles), status)


def insert_session(uow: UnitOfWork, session: Session) -> bool:
    """Stores a new session; SessionConflict, with nothing stored, if something is in the way and it may not overlap.

    Needs the pair's locks. Returns whether an administrator had booked a session for this pair before.
    """
    with exclusions_as_conflicts():
        rows = uow.run(INSERT_UNLESS_CLASHING, _values(uow, session, ROW_TYPES)).all()
    conflicts = [row for row in rows if row.id is not None]
    if conflicts:
        raise SessionConflict([_conflict(row) for row in conflicts])
    return bool(rows[0].pair_booked_before)


def find_overlapped(uow: UnitOfWork, session: Session) -> list[dict[str, Any]]:
    """The sessions that are in the way of this one, as `conflicts` names them. Needs the pair's locks."""
    rows = uow.run(FIND_CLASHES, _values(uow, session, SLOT_TYPES)).all()
    return [_conflict(row) for row in rows]


def require_free(uow: UnitOfWork, session: Session) -> None:
    """SessionConflict if another session is in the way of this one. Needs the pair's locks."""
    if conflicts := find_overlapped(uow, session):
        raise SessionConflict(conflicts)


def _values(uow: UnitOfWork, session: Session, names: Iterable[str]) -> dict[str, Any]:
    values = {"organization_id": str(uow.organization_id)}
    for name in names:
        if name != "organization_id":
            value = getattr(session, name)
            values[name] = str(value) if isinstance(value, uuid.UUID) else value
    return values


def _conflict(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "starts_at": rfc3339(row.starts_at),
        "ends_at": rfc3339(row.ends_at),
        "who": row.who,
    }


def update_session(uow: UnitOfWork, session: Session) -> None:
    """Stores the changed session. Its row must be locked, and its pair if its time changed."""
    values = {name: getattr(session, name) for name in CHANGEABLE}
    own = {"own_organization": uow.organization_id, "session_id": session.id}
    with exclusions_as_conflicts():
        uow.execute(UPDATE, values | own)


@contextmanager
def exclusions_as_conflicts() -> Iterator[None]:
    """The database's last word on overlaps, as the error that the query before it would have raised."""
    try:
        yield
    except IntegrityError as error:
        if constraint_of(error) in EXCLUSION_CONSTRAINTS:
            raise SessionConflict from error
        raise
