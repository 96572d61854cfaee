"""What messaging holds about one person, as an export shows it.

Of a conversation both sides are handed out: the person wrote the one and was sent the other, and can read both as long
as they sign in. Who else took part is told by id.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from chassis.database import UnitOfWork
from chassis.exporting import Place, Section, in_steps, listed
from chassis.fields import rfc3339
from messaging_service.storage.tables import conversation_readings, conversations, messages

c = conversations.c
r = conversation_readings.c

# Conversation by conversation, so that a page costs the same however long they are: the order is that of the index, and
# reading ends with the page.
MESSAGES: Final = (
    sa.text(
        """
    SELECT found.* FROM (
           SELECT id FROM conversations
            WHERE organization_id = :organization_id AND id >= :conversation
              AND (instructor_id = :person_id OR student_id = :person_id)
            ORDER BY id) AS theirs
     CROSS JOIN LATERAL (
           SELECT id, conversation_id, sequence, sender_id, body, sent_at FROM messages
            WHERE organization_id = :organization_id AND conversation_id = theirs.id
              AND sequence > CASE WHEN theirs.id = :conversation THEN :sequence ELSE 0 END
            ORDER BY sequence LIMIT :most) AS found
     ORDER BY theirs.id, found.sequence LIMIT :most
    """
    )
    .bindparams(
        sa.bindparam("organization_id", type_=sa.Uuid),
        sa.bindparam("person_id", type_=sa.Uuid),
        sa.bindparam("conversation", type_=sa.Uuid),
        sa.bindparam("sequence", type_=sa.BigInteger),
    )
    .columns(
        messages.c.id,
        messages.c.conversation_id,
        messages.c.sequence,
        messages.c.sender_id,
        messages.c.body,
        messages.c.sent_at,
    )
)


def fetch_messages(uow: UnitOfWork, person_id: uuid.UUID, place: Place, most: int) -> Sequence[Any]:
    """Up to so much of what was said in the person's conversations."""
    conversation, sequence = place or (uuid.UUID(int=0), 0)
    return uow.execute(
        MESSAGES,
        {
            "organization_id": uow.organization_id,
            "person_id": person_id,
            "conversation": conversation,
            "sequence": sequence,
            "most": most,
        },
    ).all()


def conversation(row: Any, person_id: uuid.UUID) -> dict[str, Any]:
    """A conversation and how far the person has read it."""
    is_instructor = row.instructor_id == person_id
    return {
        "id": str(row.id),
        "instructor_id": str(row.instructor_id),
        "student_id": str(row.student_id),
        "status": row.status,
        "created_at": rfc3339(row.created_at),
        "last_activity_at": rfc3339(row.last_activity_at),
        "messages": row.last_sequence,
        "read_up_to": row.instructor_read if is_instructor else row.student_read,
    }


def message(row: Any, person_id: uuid.UUID) -> dict[str, Any]:
    """A message in full, whoever of the two wrote it."""
    return {
        "id": str(row.id),
        "conversation_id": str(row.conversation_id),
        "number": row.sequence,
        "direction": "sent" if row.sender_id == person_id else "received",
        "sender_id": str(row.sender_id),
        "body": row.body,
        "attachments": [],
        "sent_at": rfc3339(row.sent_at),
    }


def reading(row: Any, _: uuid.UUID) -> dict[str, Any]:
    """That the person, as an administrator, read a conversation of others."""
    return {
        "conversation_id": str(row.conversation_id),
        "shown": row.shown,
        "up_to": row.up_to_sequence,
        "read_at": rfc3339(row.read_at),
    }


SECTIONS: Final = (
    listed(
        "conversations",
        "With whom the person talks, and how far they have read.",
        sa.select(conversations).where(
            c.organization_id == sa.bindparam("organization_id"),
            (c.instructor_id == sa.bindparam("person_id"))
            | (c.student_id == sa.bindparam("person_id")),
        ),
        (c.id,),
        conversation,
    ),
    Section(
        "messages",
        "What was said in these conversations: what the person wrote (sent) and what was written to them (received).",
        (messages.c.conversation_id, messages.c.sequence),
        in_steps(fetch_messages, lambda row: (row.conversation_id, row.sequence)),
        message,
    ),
    listed(
        "conversations_overseen",
        "Which conversations of others the person has read as an administrator, and when.",
        sa.select(conversation_readings).where(
            r.organization_id == sa.bindparam("organization_id"),
            r.reader_id == sa.bindparam("person_id"),
        ),
        (r.id,),
        reading,
    ),
)
