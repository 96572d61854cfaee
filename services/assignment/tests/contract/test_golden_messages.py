"""What crosses the bus, pinned: others' tests read the files beside this one, and ours read theirs."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assignment_service import events
from assignment_service.domain import FutureSessions, Pair
from assignment_service.events import AssignmentCreated, AssignmentEnded
from chassis.events import Event
from chassis.fields import load

HERE = Path(__file__).parent
SERVICES = HERE.parents[2]
ASSIGNMENT, INSTRUCTOR, STUDENT, ASSIGNER, ENDER = (uuid.UUID(int=n) for n in range(1, 6))

ACTIVE = {
    "id": ASSIGNMENT,
    "instructor_id": INSTRUCTOR,
    "student_id": STUDENT,
    "source": "booking",
    "assigned_at": datetime(2030, 1, 31, 15, 0, tzinfo=UTC),
    "assigned_by": ASSIGNER,
    "ended_at": None,
    "ended_by": None,
}
ENDED = {**ACTIVE, "ended_at": datetime(2030, 2, 28, 16, 30, tzinfo=UTC), "ended_by": ENDER}


def golden(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    data: dict[str, Any] = document.get("data", document)
    return data


def with_fields_of_tomorrow(value: Any) -> Any:
    if isinstance(value, list):
        return [with_fields_of_tomorrow(item) for item in value]
    if isinstance(value, dict):
        known = {key: with_fields_of_tomorrow(item) for key, item in value.items()}
        return {**known, "a_field_of_tomorrow": {"x": 1}}
    return value


def consumed(source: str, name: str) -> Event:
    data = golden(SERVICES / source / "tests" / "contract" / f"{name}.json")
    return Event(
        id=uuid.uuid4(),
        source=source,
        name=name,
        time=datetime.now(UTC),
        subject="x",
        organization_id=uuid.uuid4(),
        data=with_fields_of_tomorrow(data),
    )


def test_assignment_created_is_what_the_file_says() -> None:
    data = events.created([events.fact(SimpleNamespace(**ACTIVE))])
    assert data == golden(HERE / "assignment_created.json")
    load(AssignmentCreated, data)


def test_assignment_ended_is_what_the_file_says() -> None:
    data = events.ended([events.fact(SimpleNamespace(**ENDED))], FutureSessions.CANCEL)
    assert data == golden(HERE / "assignment_ended.json")
    load(AssignmentEnded, data)


@pytest.mark.parametrize("name", ["user_updated", "user_archived", "user_restored", "user_erased"])
def test_changed_people_are_understood(name: str) -> None:
    event = consumed("identity", name)
    people = events.read_people(event)
    assert [str(person.id) for person in people] == [user["id"] for user in event.data["users"]]
    assert people
    is_gone = name in {"user_archived", "user_erased"}
    assert all(person.is_archived is is_gone for person in people)


def test_created_people_and_their_pairs_are_understood() -> None:
    event = consumed("identity", "user_created")
    people, chosen, by = events.read_user_created(event)
    assert len(people) == len(event.data["users"])
    assert chosen == {
        Pair(uuid.UUID(a["instructor_id"]), uuid.UUID(a["student_id"])): uuid.UUID(a["id"])
        for a in event.data["assignments"]
    }
    assert str(by) == str(event.data["assigned_by"])


def test_a_booked_session_is_understood() -> None:
    event = consumed("booking", "session_booked")
    event.data["assigns_pair"] = True
    session = event.data["session"]
    pair = Pair(uuid.UUID(session["instructor_id"]), uuid.UUID(session["student_id"]))
    assert events.read_assigning_session(event) == (pair, uuid.UUID(session["booked_by"]))


def test_names_that_others_rely_on() -> None:
    contract = events.CONTRACT
    assert contract.service == "assignment"
    assert contract.required == {"assignment_created", "assignment_ended"}
    assert [contract.queue_name(each) for each in contract.subscribes] == [
        "assignment.on_identity_user_created",
        "assignment.on_identity_user_updated",
        "assignment.on_identity_user_archived",
        "assignment.on_identity_user_restored",
        "assignment.on_identity_user_erased",
        "assignment.on_booking_session_booked",
    ]
