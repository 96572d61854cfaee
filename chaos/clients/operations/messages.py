"""Conversations: opened, written to, read."""

from __future__ import annotations

import uuid
from typing import Any

from chaos.clients.client import Client
from chaos.clients.wire import Call
from chaos.clients.world import Organization, Pair


def open_conversation(client: Client) -> None:
    """With somebody of whom one does not know whether they are assigned."""
    pair = client.organization.pair(client.rng)
    is_instructor = client.person.role == "instructor"
    other = pair.student_id if is_instructor else pair.instructor_id
    answer = client.change("open_conversation", "POST", "/conversations", {"participant_id": other})
    if answer.is_ok:
        learn_conversation(client.organization, answer.body)


def learn_conversation(organization: Organization, body: dict[str, Any]) -> None:
    """Remembers where the pair talks."""
    with organization.lock:
        pair = Pair(body["instructor"]["id"], body["student"]["id"])
        organization.conversations[pair] = body["id"]


def send(client: Client) -> None:
    """Writes to a conversation; the body holds the key."""
    organization = client.organization
    conversation_id = organization.some_conversation(client.rng, client.person)
    if conversation_id is None:
        open_conversation(client)
        return
    key = str(uuid.uuid4())
    path = f"/conversations/{conversation_id}/messages"
    body = {"body": organization.text(f"Message {key}")}
    answer = client.perform(Call("send_message", "POST", path, body, key=key))
    if answer.is_ok:
        with organization.lock:
            organization.messages[conversation_id] = answer.body["id"]


def mark_read(client: Client) -> None:
    """Up to the newest message that is known."""
    organization = client.organization
    conversation_id = organization.some_conversation(client.rng, client.person)
    message_id = organization.messages.get(conversation_id or "")
    if conversation_id is not None and message_id is not None:
        path = f"/conversations/{conversation_id}/read"
        about = {"by": client.person.id, "conversation_id": conversation_id}
        client.change("mark_read", "POST", path, {"message_id": message_id}, about=about)


def read(client: Client) -> None:
    """The newest messages of a conversation; of administrators that is recorded."""
    conversation_id = client.organization.some_conversation(client.rng, client.person)
    if conversation_id is not None:
        client.read("list_messages", f"/conversations/{conversation_id}/messages", {"limit": 10})
