"""What identity publishes equals the golden files that its subscribers' tests read."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from identity_service import events, schemas

FOLDER = Path(__file__).parent


def golden(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return data


def row(number: int, *roles: str, status: str, zone: str, version: int) -> SimpleNamespace:
    user_id = uuid.UUID(f"6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a{number:02}")
    return SimpleNamespace(
        id=user_id, roles=list(roles), status=status, time_zone=zone, version=version
    )


def test_user_created() -> None:
    instructor = row(1, "instructor", "admin", status="active", zone="Europe/Berlin", version=1)
    student = row(2, "student", status="invited", zone="America/New_York", version=1)
    assignment = {
        "id": "6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a03",
        "instructor_id": str(instructor.id),
        "student_id": str(student.id),
    }
    made = events.users_created(
        [instructor, student], [assignment], "6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a04"
    )
    assert made == golden("user_created")


@pytest.mark.parametrize(
    ("name", "status", "version"),
    [
        ("user_updated", "invited", 2),
        ("user_archived", "archived", 3),
        ("user_restored", "invited", 4),
    ],
)
def test_changes_of_people(name: str, status: str, version: int) -> None:
    student = row(2, "student", status=status, zone="America/New_York", version=version)
    assert events.users_changed([student]) == golden(name)


def test_user_erased() -> None:
    student = row(2, "student", status="archived", zone="Europe/Berlin", version=5)
    assert events.users_changed([student]) == golden("user_erased")


@pytest.mark.parametrize(
    ("name", "policy", "students", "version"),
    [
        ("organization_created", "block", "no", 1),
        ("organization_updated", "warn", "request", 2),
    ],
)
def test_organizations(name: str, policy: str, students: str, version: int) -> None:
    organization = SimpleNamespace(
        id=uuid.UUID("6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a05"),
        name="Acme Tutoring",
        slug="acme-tutoring",
        time_zone="Europe/Berlin",
        conflict_policy=policy,
        students_may_book=students,
        version=version,
    )
    assert {"organization": schemas.organization_json(organization)} == golden(name)


@pytest.mark.parametrize("event", events.CONTRACT.publishes, ids=lambda event: event.name)
def test_every_golden_file_fits_the_published_schema(event: Any) -> None:
    assert event.schema().validate(golden(event.name)) == {}
