"""Conversations and messages."""

from __future__ import annotations

from marshmallow import fields

from chassis.fields import StrictInteger, StrictSchema, Text
from gateway.schemas.fields import Shape, identifier, moment, word


class Participant(Shape):
    """One of the two people of a conversation."""

    id = identifier(required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)


class Message(Shape):
    """A message."""

    id = identifier(required=True)
    conversation_id = identifier(required=True)
    sender_id = identifier(required=True)
    body = fields.String(required=True)
    attachments = fields.List(fields.Dict(), required=True)
    sent_at = moment(required=True)


class MessagePage(Shape):
    """Some messages, newest first."""

    items = fields.List(fields.Nested(Message), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class Conversation(Shape):
    """What an instructor and a student write each other."""

    id = identifier(required=True)
    instructor = fields.Nested(Participant, required=True)
    student = fields.Nested(Participant, required=True)
    status = word(
        "open",
        "closed",
        required=True,
        metadata={"description": "`closed`: the assignment ended; reading stays."},
    )
    unread_count = StrictInteger(required=True)
    last_message = fields.Nested(Message, required=True, allow_none=True)


class ConversationPage(Shape):
    """Some conversations, newest activity first."""

    items = fields.List(fields.Nested(Conversation), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewConversation(StrictSchema):
    """Whom to talk with."""

    participant_id = identifier(required=True)


class NewMessage(StrictSchema):
    """What to say."""

    body = Text(
        required=True,
        min=1,
        max=10_000,
        multiline=True,
        strip=False,
        metadata={"examples": ["Hello!"]},
    )


class ReadUpTo(StrictSchema):
    """The last message that was read."""

    message_id = identifier(required=True)
