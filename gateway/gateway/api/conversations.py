"""Conversations and messages."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from gateway import access, answers, rpc
from gateway.counterparts import named, people_by_id
from gateway.declarations import Answer
from gateway.pages import PageQuery
from gateway.reading import JsonBody
from gateway.routes import Routes
from gateway.schemas.conversations import (
    Conversation,
    ConversationPage,
    Message,
    MessagePage,
    NewConversation,
    NewMessage,
    ReadUpTo,
)

routes = Routes("conversations", "Messages between an instructor and a student")

CONVERSATION = "/conversations/<uuid:conversation_id>"


@routes.post(
    "/conversations",
    who=access.CORRESPONDENTS,
    body=JsonBody(NewConversation),
    answers={
        201: Answer(Conversation, "A new conversation."),
        200: Answer(Conversation, "It was there already."),
    },
)
def open_conversation(body: dict[str, Any]) -> Response:
    """Open the conversation with an assigned person."""
    done = rpc.change("messaging", "open_conversation", **body)
    return answers.json(with_names([done["conversation"]])[0], 201 if done["created"] else 200)


@routes.get(
    "/conversations",
    who=access.THEIRS,
    query=PageQuery,
    answers={200: Answer(ConversationPage, "Newest activity first.")},
)
def list_conversations(query: dict[str, Any]) -> Response:
    """List one's conversations; administrators list all."""
    page = rpc.call("messaging", "list_conversations", **query)
    return answers.json({"items": with_names(page["items"]), "next_cursor": page["next_cursor"]})


@routes.get(
    CONVERSATION, who=access.PARTICIPANTS, answers={200: Answer(Conversation, "The conversation.")}
)
def get_conversation(conversation_id: str) -> Response:
    """One conversation."""
    found = rpc.call("messaging", "get_conversation", conversation_id=conversation_id)
    return answers.json(with_names([found])[0])


@routes.get(
    f"{CONVERSATION}/messages",
    who=access.PARTICIPANTS,
    query=PageQuery,
    answers={200: Answer(MessagePage, "Newest first.")},
)
def list_messages(conversation_id: str, query: dict[str, Any]) -> Response:
    """Read a conversation."""
    return answers.json(
        rpc.call("messaging", "list_messages", conversation_id=conversation_id, **query)
    )


@routes.post(
    f"{CONVERSATION}/messages",
    who=access.WRITERS,
    body=JsonBody(NewMessage),
    answers={201: Answer(Message, "The message.")},
)
def send_message(conversation_id: str, body: dict[str, Any]) -> Response:
    """Send a message, as long as the pair is assigned."""
    sent = rpc.change("messaging", "send_message", conversation_id=conversation_id, **body)
    return answers.json(sent, 201)


@routes.post(
    f"{CONVERSATION}/read",
    who=access.WRITERS,
    body=JsonBody(ReadUpTo),
    answers={204: Answer(description="Noted.")},
)
def mark_read(conversation_id: str, body: dict[str, Any]) -> Response:
    """Note how far one has read."""
    rpc.change("messaging", "mark_read", conversation_id=conversation_id, **body)
    return answers.empty()


def with_names(conversations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Conversations with their people's names, by one call to identity for all of them."""
    ids = [c[key] for c in conversations for key in ("instructor_id", "student_id")]
    people = people_by_id(ids)
    return [with_people(conversation, people) for conversation in conversations]


def with_people(conversation: dict[str, Any], people: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A conversation with objects in place of the two ids."""
    shown = dict(conversation)
    for role in ("instructor", "student"):
        shown[role] = named(shown.pop(f"{role}_id"), people)
    return shown
