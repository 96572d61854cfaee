"""The arguments and answers of messaging's RPCs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from chassis.fields import StrictInteger, StrictSchema, Text, rfc3339
from messaging_service.domain import BODY_MAX, is_blank


def refuse_blank(body: str) -> None:
    """A message must show something."""
    if is_blank(body):
        raise ValidationError("Must not be blank.")


class Body(Text):
    """A message as it was written, outer white space and line breaks included."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(min=1, max=BODY_MAX, multiline=True, strip=False, **kw)
        self.validators.append(refuse_blank)


class Paged(StrictSchema):
    """What every list takes."""

    limit = StrictInteger(load_default=50, validate=validate.Range(1, 200))
    cursor = Text(max=500, allow_none=True, load_default=None)


class OpenConversation(StrictSchema):
    """Whom to talk to."""

    participant_id = fields.UUID(required=True)


class GetConversation(StrictSchema):
    """Which conversation."""

    conversation_id = fields.UUID(required=True)


class SendMessage(GetConversation):
    """What to say."""

    body = Body(required=True)


class ListConversations(Paged):
    """Which part of the list."""


class ListMessages(Paged):
    """Which part of which conversation."""

    conversation_id = fields.UUID(required=True)


class MarkRead(GetConversation):
    """Up to which message."""

    message_id = fields.UUID(required=True)


def message_answer(
    *,
    id: uuid.UUID,
    conversation_id: uuid.UUID,
    sender_id: uuid.UUID,
    body: str,
    sent_at: datetime,
) -> dict[str, Any]:
    """A message as it crosses the bus."""
    return {
        "id": str(id),
        "conversation_id": str(conversation_id),
        "sender_id": str(sender_id),
        "body": body,
        "attachments": [],
        "sent_at": rfc3339(sent_at),
    }


def listed_message(row: Any) -> dict[str, Any]:
    """A message from a row of a conversation's messages."""
    return message_answer(
        id=row.id,
        conversation_id=row.conversation_id,
        sender_id=row.sender_id,
        body=row.body,
        sent_at=row.sent_at,
    )


def conversation_answer(row: Any, reader_id: uuid.UUID) -> dict[str, Any]:
    """A conversation as `reader_id` sees it; for anyone but the pair nothing is unread."""
    unread = {row.instructor_id: row.instructor_unread, row.student_id: row.student_unread}
    return {
        "id": str(row.id),
        "instructor_id": str(row.instructor_id),
        "student_id": str(row.student_id),
        "status": row.status,
        "unread_count": unread.get(reader_id, 0),
        "last_message": _last_message(row),
    }


def _last_message(row: Any) -> dict[str, Any] | None:
    if row.message_id is None:
        return None
    return message_answer(
        id=row.message_id,
        conversation_id=row.id,
        sender_id=row.sender_id,
        body=row.body,
        sent_at=row.sent_at,
    )


def sequence_key(value: Any) -> int:
    """A cursor's sequence; ValueError for what is none."""
    if type(value) is not int or not 0 < value < 2**63:
        raise ValueError("not a sequence")
    return value
