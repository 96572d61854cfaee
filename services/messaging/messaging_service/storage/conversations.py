"""Queries on conversations: the pair, its standing, read positions, lists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis import unseen
from chassis.database import Database, UnitOfWork
from messaging_service.domain import Pair, Standing, Status
from messaging_service.storage.tables import conversations, messages

c = conversations.c
organization = sa.bindparam("organization", type_=sa.Uuid)
conversation = sa.bindparam("conversation", type_=sa.Uuid)
THIS_ONE = (c.organization_id == organization) & (c.id == conversation)
THIS_PAIR = (
    (c.organization_id == organization)
    & (c.instructor_id == sa.bindparam("instructor", type_=sa.Uuid))
    & (c.student_id == sa.bindparam("student", type_=sa.Uuid))
)

SELECT_PAIR = (
    "SELECT instructor_id, student_id FROM conversations "
    "WHERE organization_id = %(organization_id)s AND id = %(conversation_id)s"
)
INSERT = (
    insert(conversations)
    .on_conflict_do_nothing(constraint="conversations_one_per_pair")
    .returning(c.id)
)
LOCK_PAIR = sa.select(c.id, c.status, c.assignment_id, c.status_as_of).where(THIS_PAIR)
LOCK_PAIR = LOCK_PAIR.with_for_update()
UPDATE_STANDING = (
    conversations.update()
    .where(THIS_ONE, c.erased_at.is_(None))
    .values(
        status=sa.bindparam("new_status"),
        assignment_id=sa.bindparam("new_assignment_id", type_=sa.Uuid),
        status_as_of=sa.bindparam("new_as_of", type_=sa.DateTime(timezone=True)),
    )
)


# One look-up per conversation, in an organization the planner doesn't know: see chassis.unseen.
THE_ORGANIZATION = unseen.organization("organization")
LAST_MESSAGE = (
    sa.select(
        messages.c.id.label("message_id"),
        messages.c.sender_id,
        messages.c.body,
        messages.c.sent_at,
    )
    .where(
        messages.c.organization_id == THE_ORGANIZATION,
        messages.c.conversation_id == c.id,
        messages.c.sequence == c.last_sequence,
    )
    .correlate(conversations)
    .limit(1)
    .lateral("last_message")
)

# What a conversation is shown with; the last message is null for a conversation without any.
SHOWN = sa.select(
    c.id,
    c.instructor_id,
    c.student_id,
    c.status,
    c.last_activity_at,
    c.last_sequence,
    c.instructor_unread,
    c.student_unread,
    *LAST_MESSAGE.c,
).select_from(conversations.outerjoin(LAST_MESSAGE, sa.true()))
SHOWN_ONE = SHOWN.where(THIS_ONE)

# Those of many pairs, found pair by pair, then locked in one order. A pair's conversation stays the pair's meanwhile.
_wanted = (
    sa.func.unnest(
        sa.bindparam("instructors", type_=sa.ARRAY(sa.Uuid)),
        sa.bindparam("students", type_=sa.ARRAY(sa.Uuid)),
    )
    .table_valued(sa.column("instructor_id", sa.Uuid), sa.column("student_id", sa.Uuid))
    .render_derived("wanted")
)
_own_one = conversations.alias("own")
_found = (
    sa.select(_own_one.c.id)
    .where(
        _own_one.c.organization_id == THE_ORGANIZATION,
        _own_one.c.instructor_id == _wanted.c.instructor_id,
        _own_one.c.student_id == _wanted.c.student_id,
    )
    .correlate(_wanted)
    .limit(1)
    .lateral("found")
)
_ids = sa.select(_found.c.id).select_from(_wanted.join(_found, sa.true())).scalar_subquery()
LOCK_PAIRS = (
    sa.select(c.id, c.instructor_id, c.student_id, c.status, c.assignment_id, c.status_as_of)
    .where(c.organization_id == THE_ORGANIZATION, c.id == sa.any_(sa.func.array(_ids)))
    .order_by(c.id)
    .with_for_update()
)

NEWEST_FIRST = (c.last_activity_at.desc(), c.id.desc())
LIMIT = sa.bindparam("limit", type_=sa.Integer)
USER = sa.bindparam("person", type_=sa.Uuid)
OLDER = sa.tuple_(c.last_activity_at, c.id) < sa.tuple_(
    sa.bindparam("before_moment", type_=sa.DateTime(timezone=True)),
    sa.bindparam("before_id", type_=sa.Uuid),
)


def _listed(of_whom: Any, *, older: bool) -> Any:
    conditions = [c.organization_id == THE_ORGANIZATION, of_whom, *([OLDER] if older else [])]
    return SHOWN.where(*conditions).order_by(*NEWEST_FIRST).limit(LIMIT)


def _own(*, older: bool) -> Any:
    """Each side from its own index: an OR would read and sort all of a person's conversations."""
    sides = [
        _listed(side == USER, older=older).subquery() for side in (c.instructor_id, c.student_id)
    ]
    both = sa.union_all(*(sa.select(side) for side in sides)).subquery()
    newest_first = (both.c.last_activity_at.desc(), both.c.id.desc())
    return sa.select(both).order_by(*newest_first).limit(LIMIT)


LIST = {
    (everyone, older): _listed(sa.true(), older=older) if everyone else _own(older=older)
    for everyone in (True, False)
    for older in (True, False)
}

# The pair of a conversation never changes, so what was read once need not be read for each message.
_pairs: dict[tuple[uuid.UUID, uuid.UUID], Pair] = {}
PAIRS_REMEMBERED = 20_000


def pair_of(
    database: Database, organization_id: uuid.UUID, conversation_id: uuid.UUID
) -> Pair | None:
    """The two people of a conversation of this organization, None if there is no such conversation."""
    key = (organization_id, conversation_id)
    if (known := _pairs.get(key)) is not None:
        return known
    parameters = {"organization_id": str(organization_id), "conversation_id": str(conversation_id)}
    for row in database.one_shot(organization_id, SELECT_PAIR, parameters):
        if len(_pairs) >= PAIRS_REMEMBERED:
            _pairs.clear()
        _pairs[key] = Pair(uuid.UUID(str(row[0])), uuid.UUID(str(row[1])))
    return _pairs.get(key)


def add(uow: UnitOfWork, pair: Pair, assignment_id: uuid.UUID) -> uuid.UUID | None:
    """Stores the pair's conversation and returns its id; None if it has one. Waits for a concurrent other."""
    values = {
        "organization_id": uow.organization_id,
        "id": uuid.uuid4(),
        "instructor_id": pair.instructor_id,
        "student_id": pair.student_id,
        "status": "open",
        "assignment_id": assignment_id,
    }
    created: uuid.UUID | None = uow.execute(INSERT, values).scalar_one_or_none()
    return created


def lock_by_pair(uow: UnitOfWork, pair: Pair) -> tuple[uuid.UUID, Standing]:
    """The id and standing of the conversation that the pair is known to have."""
    row = uow.execute(
        LOCK_PAIR,
        {
            "organization": uow.organization_id,
            "instructor": pair.instructor_id,
            "student": pair.student_id,
        },
    ).one()
    return row.id, _standing(row)


def lock_by_pairs(uow: UnitOfWork, pairs: Sequence[Pair]) -> dict[Pair, tuple[uuid.UUID, Standing]]:
    """Those of the pairs that have a conversation; locked in one order, so that no two callers can deadlock."""
    parameters = {
        "organization": uow.organization_id,
        "instructors": [pair.instructor_id for pair in pairs],
        "students": [pair.student_id for pair in pairs],
    }
    return {
        Pair(row.instructor_id, row.student_id): (row.id, _standing(row))
        for row in uow.execute(LOCK_PAIRS, parameters)
    }


def _standing(row: Any) -> Standing:
    status: Status = row.status
    return Standing(status, row.assignment_id, row.status_as_of)


def set_standing(uow: UnitOfWork, standings: Mapping[uuid.UUID, Standing]) -> None:
    """Stores what became of locked conversations."""
    if standings:
        uow.execute(
            UPDATE_STANDING,
            [
                {
                    "organization": uow.organization_id,
                    "conversation": conversation_id,
                    "new_status": standing.status,
                    "new_assignment_id": standing.assignment_id,
                    "new_as_of": standing.as_of,
                }
                for conversation_id, standing in standings.items()
            ],
        )


def find(uow: UnitOfWork, conversation_id: uuid.UUID) -> Any | None:
    """One conversation as it is shown."""
    keys = {"organization": uow.organization_id, "conversation": conversation_id}
    return uow.execute(SHOWN_ONE, keys).one_or_none()


def newest(
    uow: UnitOfWork,
    user_id: uuid.UUID | None,
    *,
    before: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[Any]:
    """The conversations of a person, or of everybody, as they are shown, newest activity first."""
    parameters: dict[str, Any] = {"organization": uow.organization_id, "limit": limit}
    if user_id is not None:
        parameters["person"] = user_id
    if before is not None:
        parameters["before_moment"], parameters["before_id"] = before
    return uow.execute(LIST[user_id is None, before is not None], parameters).all()
