"""What messaging tells others, and what it listens to. Message bodies never travel in events."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from chassis.audit import AUDIT_RECORDED
from chassis.events import Contract, Published, Subscription
from chassis.fields import Moment, StrictSchema, load, rfc3339
from messaging_service.domain import Fact, Pair


class SentMessage(StrictSchema):
    """A message without its body."""

    id = fields.UUID(required=True)
    conversation_id = fields.UUID(required=True)
    sender_id = fields.UUID(required=True)
    attachments = fields.List(fields.Dict(), required=True)
    sent_at = Moment(required=True)


class MessageSent(StrictSchema):
    """Data of `message_sent`."""

    message = fields.Nested(SentMessage, required=True)
    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)


class ConversationRead(StrictSchema):
    """Data of `conversation_read`."""

    conversation_id = fields.UUID(required=True)
    reader_id = fields.UUID(required=True)
    message_id = fields.UUID(required=True)
    read_at = Moment(required=True)


CONTRACT = Contract(
    service="messaging",
    calls=("assignment",),
    publishes=(
        Published("message_sent", MessageSent, "A message was sent; its body is read by RPC."),
        Published("conversation_read", ConversationRead, "Somebody read up to a message."),
        AUDIT_RECORDED,
    ),
    subscribes=(
        Subscription("assignment", "assignment_created"),
        Subscription("assignment", "assignment_ended"),
        Subscription("identity", "user_erased"),
    ),
)


def message_sent(message: dict[str, Any], pair: Pair) -> dict[str, Any]:
    """Data of `message_sent` from the answer that the sender gets."""
    return {
        "message": {key: value for key, value in message.items() if key != "body"},
        "instructor_id": str(pair.instructor_id),
        "student_id": str(pair.student_id),
    }


def conversation_read(
    conversation_id: uuid.UUID, reader_id: uuid.UUID, message_id: uuid.UUID, read_at: datetime
) -> dict[str, Any]:
    """Data of `conversation_read`."""
    return {
        "conversation_id": str(conversation_id),
        "reader_id": str(reader_id),
        "message_id": str(message_id),
        "read_at": rfc3339(read_at),
    }


class AssignmentFact(Schema):
    """What we need to know of an assignment that began; there is more, and there will be."""

    class Meta:
        unknown = EXCLUDE

    id = fields.UUID(required=True)
    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)
    assigned_at = Moment(required=True)


class EndedAssignmentFact(AssignmentFact):
    """What we need to know of one that ended."""

    ended_at = Moment(required=True)


class AssignmentFacts(Schema):
    """What we read of `assignment_created`."""

    class Meta:
        unknown = EXCLUDE

    assignments = fields.List(fields.Nested(AssignmentFact), required=True)


class EndedAssignmentFacts(Schema):
    """What we read of `assignment_ended`."""

    class Meta:
        unknown = EXCLUDE

    assignments = fields.List(fields.Nested(EndedAssignmentFact), required=True)


def began(data: Mapping[str, Any]) -> dict[Pair, Fact]:
    """Which pairs were assigned, when and by which assignment: `assignment_created`."""
    return {
        _pair(loaded): Fact("open", loaded["id"], loaded["assigned_at"])
        for loaded in load(AssignmentFacts, data)["assignments"]
    }


def ended(data: Mapping[str, Any]) -> dict[Pair, Fact]:
    """Which pairs' assignments ended, and when: `assignment_ended`."""
    return {
        _pair(loaded): Fact("closed", loaded["id"], loaded["ended_at"])
        for loaded in load(EndedAssignmentFacts, data)["assignments"]
    }


def _pair(loaded: Mapping[str, Any]) -> Pair:
    return Pair(loaded["instructor_id"], loaded["student_id"])
