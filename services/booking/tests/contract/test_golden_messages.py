"""What crosses the bus, pinned: others' tests read the files beside this one, and ours read theirs."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from booking_service import events
from booking_service.domain import Session
from chassis.fields import load

HERE = Path(__file__).parent
SERVICES = HERE.parents[2]
SESSION, INSTRUCTOR, STUDENT, ADMIN = (uuid.UUID(int=n) for n in range(1, 5))

BOOKED = Session(
    id=SESSION,
    series_id=None,
    instructor_id=INSTRUCTOR,
    student_id=STUDENT,
    starts_at=datetime(2030, 1, 31, 15, tzinfo=UTC),
    ends_at=datetime(2030, 1, 31, 16, tzinfo=UTC),
    time_zone="Europe/Berlin",
    wall_clock=datetime(2030, 1, 31, 16),  # noqa: DTZ001 - wall-clock time
    status="scheduled",
    title="Words stay at home",
    notes="Words stay at home",
    location="Words stay at home",
    allow_overlap=False,
    booked_by=ADMIN,
    booked_by_admin=True,
    reason="Words stay at home",
    created_at=datetime(2030, 1, 1, 9, tzinfo=UTC),
    updated_at=datetime(2030, 1, 1, 9, tzinfo=UTC),
    version=1,
)
REQUESTED = replace(BOOKED, status="pending", booked_by=STUDENT, booked_by_admin=False)
CANCELLED = replace(BOOKED, status="cancelled", version=2)


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


def theirs(source: str, name: str) -> dict[str, Any]:
    data: dict[str, Any] = with_fields_of_tomorrow(
        golden(SERVICES / source / "tests" / "contract" / f"{name}.json")
    )
    return data


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("session_booked", BOOKED),
        ("session_requested", REQUESTED),
        ("session_cancelled", CANCELLED),
    ],
)
def test_a_sessions_event_is_what_the_file_says(name: str, session: Session) -> None:
    data = events.session_event(session)
    assert data == golden(HERE / f"{name}.json")
    assert "Words" not in json.dumps(data)
    schema = next(p.schema for p in events.CONTRACT.publishes if p.name == name)
    assert schema().dump(load(schema, data)) == data


@pytest.mark.parametrize(
    "name", ["user_created", "user_updated", "user_archived", "user_restored", "user_erased"]
)
def test_people_are_understood(name: str) -> None:
    data = theirs("identity", name)
    people = load(events.PeopleChanged, data)["users"]
    assert [str(person["id"]) for person in people] == [user["id"] for user in data["users"]]
    assert all(person["roles"] and person["version"] for person in people)
    is_gone = name in {"user_archived", "user_erased"}
    assert all((p["status"] == "archived") is is_gone for p in people)


@pytest.mark.parametrize("name", ["organization_created", "organization_updated"])
def test_organizations_are_understood(name: str) -> None:
    organization = load(events.OrganizationChanged, theirs("identity", name))["organization"]
    assert organization["conflict_policy"] in {"block", "warn"}
    assert organization["students_may_book"] in {"no", "request", "yes"}


def test_ended_assignments_are_understood() -> None:
    data = theirs("assignment", "assignment_ended")
    loaded = load(events.AssignmentsEnded, data)
    assert loaded["future_sessions"] == "cancel"
    assert [str(pair["student_id"]) for pair in loaded["assignments"]] == [
        assignment["student_id"] for assignment in data["assignments"]
    ]


def test_names_that_others_rely_on() -> None:
    contract = events.CONTRACT
    assert contract.service == "booking"
    assert contract.required == {"session_booked", "audit_recorded"}
    assert [contract.queue_name(each) for each in contract.subscribes] == [
        "booking.on_identity_user_created",
        "booking.on_identity_user_updated",
        "booking.on_identity_user_archived",
        "booking.on_identity_user_restored",
        "booking.on_identity_user_erased",
        "booking.on_identity_organization_created",
        "booking.on_identity_organization_updated",
        "booking.on_assignment_assignment_ended",
    ]
