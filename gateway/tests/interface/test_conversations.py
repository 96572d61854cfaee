"""Messages over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from chassis.errors import Forbidden, NotFound
from gateway.testing import System, is_problem

INSTRUCTOR, STUDENT, CONVERSATION = (str(uuid.uuid4()) for _ in range(3))
STORED = {
    "id": CONVERSATION,
    "instructor_id": INSTRUCTOR,
    "student_id": STUDENT,
    "status": "open",
    "unread_count": 0,
    "last_message": None,
}
PEOPLE = [
    {"id": INSTRUCTOR, "first_name": "Ida", "last_name": "I", "email": "i@example.com"},
    {"id": STUDENT, "first_name": "Stu", "last_name": "S", "email": None},
]
SHOWN = {
    "id": CONVERSATION,
    "status": "open",
    "unread_count": 0,
    "last_message": None,
    "instructor": {"id": INSTRUCTOR, "first_name": "Ida", "last_name": "I"},
    "student": {"id": STUDENT, "first_name": "Stu", "last_name": "S"},
}
PATH = f"/api/v1/conversations/{CONVERSATION}"


def test_a_conversation_is_opened_once_and_shows_names(system: System) -> None:
    _, token = system.sign_in("student")
    system.on("identity", "get_users", {"items": PEOPLE})
    for created, status in ((True, 201), (False, 200)):
        system.on("messaging", "open_conversation", {"conversation": STORED, "created": created})
        body = {"participant_id": INSTRUCTOR}
        answer = system.request("POST", "/api/v1/conversations", token, json=body)
        assert (answer.status_code, answer.json()) == (status, SHOWN)


def test_a_page_of_conversations_asks_for_all_names_at_once(system: System) -> None:
    _, token = system.sign_in("student")
    system.on("identity", "get_users", {"items": PEOPLE})
    page = {"items": [STORED, STORED], "next_cursor": "more"}
    system.on("messaging", "list_conversations", page)
    answer = system.request("GET", "/api/v1/conversations?limit=2", token)
    assert answer.json() == {"items": [SHOWN, SHOWN], "next_cursor": "more"}
    assert system.calls("identity", "get_users") == [{"user_ids": sorted([INSTRUCTOR, STUDENT])}]


def test_no_conversations_ask_for_no_names(system: System) -> None:
    _, token = system.sign_in("student")
    system.on("messaging", "list_conversations", {"items": [], "next_cursor": None})
    assert system.request("GET", "/api/v1/conversations", token).json()["items"] == []
    assert system.calls("identity", "get_users") == []


def test_one_conversation_is_read(system: System) -> None:
    _, token = system.sign_in("student")
    system.on("identity", "get_users", {"items": PEOPLE})
    system.on("messaging", "get_conversation", STORED)
    assert system.request("GET", PATH, token).json() == SHOWN


def test_messages_are_sent_listed_and_marked_read(system: System) -> None:
    _, token = system.sign_in("student")
    message: dict[str, Any] = {"id": str(uuid.uuid4()), "body": "Hello"}
    system.on("messaging", "send_message", message)
    system.on("messaging", "list_messages", {"items": [message], "next_cursor": None})
    system.on("messaging", "mark_read", lambda _kwargs, _call: None)
    sent = system.request("POST", f"{PATH}/messages", token, json={"body": "Hello"})
    assert (sent.status_code, sent.json()) == (201, message)
    assert system.request("GET", f"{PATH}/messages", token).json()["items"] == [message]
    read = system.request("POST", f"{PATH}/read", token, json={"message_id": message["id"]})
    assert (read.status_code, read.content) == (204, b"")
    assert system.calls("messaging", "send_message") == [
        {"conversation_id": CONVERSATION, "body": "Hello"}
    ]
    assert system.calls("messaging", "mark_read") == [
        {"conversation_id": CONVERSATION, "message_id": message["id"]}
    ]


def test_refusals_come_through(system: System) -> None:
    _, token = system.sign_in("student")
    for error, status in (
        (Forbidden("assignment.pair_not_assigned", "No."), 403),
        (NotFound("messaging.unknown_conversation", "No."), 404),
    ):
        system.on("messaging", "send_message", error)
        answer = system.request("POST", f"{PATH}/messages", token, json={"body": "x"})
        is_problem(answer, status, error.code)
