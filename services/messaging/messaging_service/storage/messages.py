"""Queries on messages: sending, reading, read positions, and the record of what overseers saw."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.database import UnitOfWork
from chassis.prepared import Prepared
from messaging_service.domain import ReadPosition
from messaging_service.storage.conversations import (
    LIMIT,
    THE_ORGANIZATION,
    THIS_ONE,
    USER,
    conversation,
    organization,
)
from messaging_service.storage.tables import conversation_readings, conversations, messages

c = conversations.c
m = messages.c
r = conversation_readings.c
MESSAGE = sa.bindparam("message", type_=sa.Uuid)
SEQUENCE = sa.bindparam("position", type_=sa.BigInteger)

# The update's row lock lets one sender in at a time: sequences have no gaps, and time never runs backwards. Written for
# the driver, because this is the hottest statement and SQLAlchemy's share of it would be more than PostgreSQL's.
SEND = Prepared(
    "send_message",
    {
        "organization": "uuid",
        "conversation": "uuid",
        "message": "uuid",
        "sender": "uuid",
        "body": "text",
    },
    """
    WITH moved AS (
        UPDATE conversations
           SET last_sequence = last_sequence + 1,
               last_activity_at = greatest(clock_timestamp(), last_activity_at),
               instructor_unread = instructor_unread + (instructor_id <> :sender)::integer,
               student_unread = student_unread + (student_id <> :sender)::integer
         WHERE organization_id = :organization AND id = :conversation AND erased_at IS NULL
        RETURNING last_sequence, last_activity_at
    )
    INSERT INTO messages (organization_id, id, conversation_id, sequence, sender_id, body, sent_at)
    SELECT :organization, :message, :conversation, last_sequence, :sender,
           :body, last_activity_at
      FROM moved
    RETURNING sent_at
""",
)

_THESE = (m.organization_id == organization) & (m.conversation_id == conversation)
_COLUMNS = sa.select(m.id, m.conversation_id, m.sequence, m.sender_id, m.body, m.sent_at)
NEWEST = _COLUMNS.where(_THESE).order_by(m.sequence.desc()).limit(LIMIT)
NEWEST_BEFORE = NEWEST.where(m.sequence < SEQUENCE)
SEQUENCE_OF = sa.select(m.sequence).where(_THESE, m.id == MESSAGE)

LOCK = sa.select(c.instructor_id, c.instructor_read, c.student_read).where(THIS_ONE)
LOCK = LOCK.with_for_update()
COUNT_FROM_OTHER = sa.select(sa.func.count()).where(
    _THESE, m.sequence > SEQUENCE, m.sender_id != USER
)

_seen = (
    sa.func.unnest(
        sa.bindparam("conversation_ids", type_=sa.ARRAY(sa.Uuid)),
        sa.bindparam("sequences", type_=sa.ARRAY(sa.BigInteger)),
    )
    .table_valued(sa.column("conversation_id", sa.Uuid), sa.column("sequence", sa.BigInteger))
    .render_derived("seen")
)
_READING = ["organization_id", "conversation_id", "reader_id", "shown", "up_to_sequence"]
_reading = sa.select(
    organization,
    _seen.c.conversation_id,
    USER,
    sa.bindparam("what", type_=sa.Text),
    _seen.c.sequence,
)
RECORD_READING = conversation_readings.insert().from_select(_READING, _reading)
RECORD_NEW_READING = (
    conversation_readings.insert()
    .from_select(
        _READING,
        _reading.where(
            ~sa.exists().where(
                r.organization_id == THE_ORGANIZATION,
                r.conversation_id == _seen.c.conversation_id,
                r.reader_id == USER,
                r.up_to_sequence >= _seen.c.sequence,
            )
        ),
    )
    .returning(r.conversation_id)
)


def add(
    uow: UnitOfWork, conversation_id: uuid.UUID, sender_id: uuid.UUID, body: str
) -> tuple[uuid.UUID, datetime] | None:
    """Stores the next message of a known conversation in one statement; returns its id and moment.

    None, and nothing is stored, when one of the two was erased. Locks the conversation until the transaction ends.
    """
    message_id = uuid.uuid4()
    parameters = {
        "organization": str(uow.organization_id),
        "conversation": str(conversation_id),
        "message": str(message_id),
        "sender": str(sender_id),
        "body": body,
    }
    sent_at: datetime | None = uow.run(SEND, parameters).scalar_one_or_none()
    return None if sent_at is None else (message_id, sent_at)


def newest(
    uow: UnitOfWork, conversation_id: uuid.UUID, *, before: int | None, limit: int
) -> Sequence[Any]:
    """Messages, newest first; those before a sequence if one is given."""
    parameters = {**_keys(uow, conversation_id), "limit": limit}
    if before is None:
        return uow.execute(NEWEST, parameters).all()
    return uow.execute(NEWEST_BEFORE, {**parameters, "position": before}).all()


def sequence_of(uow: UnitOfWork, conversation_id: uuid.UUID, message_id: uuid.UUID) -> int | None:
    """A message's place in its conversation; None if it is not one of this conversation's."""
    keys = {**_keys(uow, conversation_id), "message": message_id}
    sequence: int | None = uow.execute(SEQUENCE_OF, keys).scalar_one_or_none()
    return sequence


def lock_read_position(
    uow: UnitOfWork, conversation_id: uuid.UUID, reader_id: uuid.UUID
) -> ReadPosition:
    """How far one of the pair has read. Locks the conversation, so that the next statement sees every message."""
    row = uow.execute(LOCK, _keys(uow, conversation_id)).one()
    is_instructor = row.instructor_id == reader_id
    return ReadPosition(is_instructor, row.instructor_read if is_instructor else row.student_read)


def set_read_position(
    uow: UnitOfWork, conversation_id: uuid.UUID, reader_id: uuid.UUID, position: ReadPosition
) -> None:
    """Moves a read position of a locked conversation and counts what is unread after it."""
    keys = _keys(uow, conversation_id)
    after = {**keys, "position": position.sequence, "person": reader_id}
    unread = uow.execute(COUNT_FROM_OTHER, after).scalar_one()
    side = "instructor" if position.is_instructor else "student"
    values = {f"{side}_read": position.sequence, f"{side}_unread": unread}
    uow.execute(conversations.update().where(THIS_ONE).values(**values), keys)


def record_reading(
    uow: UnitOfWork, reader_id: uuid.UUID, conversation_id: uuid.UUID, up_to_sequence: int
) -> None:
    """Records that an overseer read messages; each time anew."""
    parameters = _reading_of(uow, reader_id, "messages", {conversation_id: up_to_sequence})
    uow.execute(RECORD_READING, parameters)


def record_last_messages_shown(
    uow: UnitOfWork, reader_id: uuid.UUID, up_to_sequences: dict[uuid.UUID, int]
) -> set[uuid.UUID]:
    """Records which last messages an overseer was shown, save those that they are on record to have seen.

    Returns the conversations for which that was new.
    """
    parameters = _reading_of(uow, reader_id, "last_message", up_to_sequences)
    return set(uow.execute(RECORD_NEW_READING, parameters).scalars())


def _reading_of(
    uow: UnitOfWork, reader_id: uuid.UUID, shown: str, up_to_sequences: dict[uuid.UUID, int]
) -> dict[str, Any]:
    return {
        "organization": uow.organization_id,
        "person": reader_id,
        "what": shown,
        "conversation_ids": list(up_to_sequences),
        "sequences": list(up_to_sequences.values()),
    }


def _keys(uow: UnitOfWork, conversation_id: uuid.UUID) -> dict[str, Any]:
    return {"organization": uow.organization_id, "conversation": conversation_id}
