"""The reading side: one session, a page of them, a pair's coming ones."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from booking_service.domain import OPEN, Session
from booking_service.storage.tables import sessions
from chassis import unseen
from chassis.database import UnitOfWork

SESSION_COLUMNS: Final = tuple(sessions.c[field.name] for field in fields(Session))

_by_id = (sessions.c.organization_id == sa.bindparam("organization_id")) & (
    sessions.c.id == sa.bindparam("id")
)
READ: Final = sa.select(*SESSION_COLUMNS).where(_by_id)
READ_FOR_UPDATE: Final = READ.with_for_update()

# Found pair by pair, in an organization the planner doesn't know (see chassis.unseen), then locked in one order. What
# may have changed while it waited for a lock is asked again.
FUTURE_OF_PAIRS: Final = (
    sa.text(
        f"""
    SELECT {", ".join(column.name for column in SESSION_COLUMNS)}
      FROM sessions
     WHERE organization_id = (SELECT :organization_id)
       AND starts_at > :after AND created_at <= :booked_until AND status IN ('pending', 'scheduled')
       AND id = ANY(ARRAY(
           SELECT found.id
             FROM jsonb_to_recordset(:pairs) AS pair (instructor_id uuid, student_id uuid)
            CROSS JOIN LATERAL (
                  SELECT own.id FROM sessions AS own
                   WHERE own.organization_id = (SELECT :organization_id)
                     AND own.instructor_id = pair.instructor_id AND own.student_id = pair.student_id
                     AND own.starts_at > :after
                  OFFSET 0) AS found))
     ORDER BY id
       FOR UPDATE
    """  # noqa: S608 - column names of ours # nosec B608
    )
    .bindparams(sa.bindparam("organization_id", type_=sa.Uuid), sa.bindparam("pairs", type_=JSONB))
    .columns(*SESSION_COLUMNS)
)

COUNT_FUTURE: Final = sa.select(sa.func.count()).where(
    sessions.c.organization_id == sa.bindparam("organization_id"),
    sessions.c.instructor_id == sa.bindparam("instructor_id"),
    sessions.c.student_id == sa.bindparam("student_id"),
    sessions.c.starts_at > sa.bindparam("after"),
    sessions.c.status.in_(sorted(OPEN)),
)


def read_session(
    uow: UnitOfWork, session_id: uuid.UUID, *, for_update: bool = False
) -> Session | None:
    """The session, if the organization has it."""
    row = uow.execute(
        READ_FOR_UPDATE if for_update else READ,
        {"organization_id": uow.organization_id, "id": session_id},
    ).one_or_none()
    return None if row is None else session_of(row)


def session_of(row: Any) -> Session:
    """The domain's session from a row of `SESSION_COLUMNS`."""
    return Session(*row)


def list_sessions(
    uow: UnitOfWork,
    filters: Mapping[str, Any],
    *,
    of_person: uuid.UUID | None,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> list[Session]:
    """Up to `limit` sessions by start; `of_person` confines them to those the person takes part in.

    Each side of a person's sessions is read by its own index, so the cost doesn't grow with the organization.
    """
    query = sa.select(*SESSION_COLUMNS).where(
        sessions.c.organization_id == unseen.hidden(sa.literal(uow.organization_id)),
        *_conditions(filters, after),
    )
    ordered = query.order_by(sessions.c.starts_at, sessions.c.id).limit(limit)
    if of_person is not None:
        sides = (
            ordered.where(sessions.c.instructor_id == of_person),
            ordered.where(sessions.c.student_id == of_person),
        )
        both = sa.union_all(*(side.subquery().select() for side in sides)).subquery()
        ordered = both.select().order_by(both.c.starts_at, both.c.id).limit(limit)
    return [session_of(row) for row in uow.execute(ordered)]


def _conditions(
    filters: Mapping[str, Any], after: tuple[datetime, uuid.UUID] | None
) -> Iterator[sa.ColumnElement[bool]]:
    if "from" in filters:
        yield sessions.c.starts_at >= filters["from"]
    if "to" in filters:
        yield sessions.c.starts_at < filters["to"]
    for name in ("instructor_id", "student_id", "status"):
        if name in filters:
            yield sessions.c[name] == filters[name]
    if after is not None:
        yield sa.tuple_(sessions.c.starts_at, sessions.c.id) > sa.tuple_(*after)


def future_sessions_of_pairs(
    uow: UnitOfWork,
    pairs: Sequence[tuple[uuid.UUID, uuid.UUID]],
    *,
    after: datetime,
    booked_until: datetime,
) -> list[Session]:
    """The open sessions of these pairs (instructor, student) that start after `after`, locked for a change."""
    plain = [{"instructor_id": str(i), "student_id": str(s)} for i, s in pairs]
    rows = uow.execute(
        FUTURE_OF_PAIRS,
        {
            "organization_id": uow.organization_id,
            "pairs": plain,
            "after": after,
            "booked_until": booked_until,
        },
    )
    return [session_of(row) for row in rows]


def count_future_sessions(
    uow: UnitOfWork, instructor_id: uuid.UUID, student_id: uuid.UUID, *, after: datetime
) -> int:
    """How many open sessions of the pair start after `after`."""
    pair = {"instructor_id": instructor_id, "student_id": student_id}
    own = {"organization_id": uow.organization_id, "after": after}
    return int(uow.execute(COUNT_FUTURE, pair | own).scalar_one())
