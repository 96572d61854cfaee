"""What crosses the bus, pinned: others' tests read the files beside this one, and ours read theirs."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.fields import load
from messaging_service import events
from messaging_service.domain import Fact, Pair
from messaging_service.schemas import message_answer

HERE = Path(__file__).parent
ASSIGNMENT = HERE.parents[2] / "assignment" / "tests" / "contract"
CONVERSATION, MESSAGE, INSTRUCTOR, STUDENT = (uuid.UUID(int=number) for number in range(1, 5))
AT = datetime(2030, 1, 31, 15, 0, tzinfo=UTC)


def golden(path: Path) -> dict:
    document = json.loads(path.read_text())
    return document.get("data", document)


def test_message_sent_is_what_the_file_says():
    message = message_answer(
        id=MESSAGE, conversation_id=CONVERSATION, sender_id=STUDENT, body="Hello", sent_at=AT
    )
    data = events.message_sent(message, Pair(INSTRUCTOR, STUDENT))
    assert data == golden(HERE / "message_sent.json")
    load(events.MessageSent, data)


def test_conversation_read_is_what_the_file_says():
    data = events.conversation_read(CONVERSATION, INSTRUCTOR, MESSAGE, AT)
    assert data == golden(HERE / "conversation_read.json")
    load(events.ConversationRead, data)


@pytest.mark.parametrize(
    ("name", "read", "status"),
    [("assignment_created", events.began, "open"), ("assignment_ended", events.ended, "closed")],
)
def test_assignments_events_are_understood_with_fields_yet_unknown(name, read, status):
    data = golden(ASSIGNMENT / f"{name}.json")
    for assignment in data["assignments"]:
        assignment["a_field_of_tomorrow"] = {"x": 1}
    facts = read({**data, "a_field_of_tomorrow": True})
    assert len(facts) == len(data["assignments"])
    for assignment in data["assignments"]:
        pair = Pair(uuid.UUID(assignment["instructor_id"]), uuid.UUID(assignment["student_id"]))
        at = assignment["assigned_at" if status == "open" else "ended_at"]
        assert facts[pair] == Fact(
            status, uuid.UUID(assignment["id"]), datetime.fromisoformat(at).astimezone(UTC)
        )


def test_names_that_others_rely_on():
    assert events.CONTRACT.service == "messaging"
    assert [event.name for event in events.CONTRACT.publishes] == [
        "message_sent",
        "conversation_read",
        "audit_recorded",
    ]
    assert events.CONTRACT.required == {"audit_recorded"}
    assert [events.CONTRACT.queue_name(each) for each in events.CONTRACT.subscribes] == [
        "messaging.on_assignment_assignment_created",
        "messaging.on_assignment_assignment_ended",
        "messaging.on_identity_user_erased",
    ]
