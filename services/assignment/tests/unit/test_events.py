"""Reading what others publish and building what we publish."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from assignment_service import events
from assignment_service.domain import Pair, Participant
from chassis.errors import Invalid
from chassis.events import Event

A, B, C = (uuid.UUID(int=n) for n in range(3))


def event(name: str, data: dict[str, Any]) -> Event:
    return Event(
        id=uuid.uuid4(),
        source="identity",
        name=name,
        time=datetime.now(UTC),
        subject="x",
        organization_id=uuid.uuid4(),
        data=data,
    )


def user(**changes: Any) -> dict[str, Any]:
    return {"id": str(A), "roles": ["student"], "status": "active", "version": 3, **changes}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Participant(A, False, True, False, 3)),
        ({"roles": ["admin", "instructor"]}, Participant(A, True, False, False, 3)),
        ({"roles": ["instructor", "student"]}, Participant(A, True, True, False, 3)),
        ({"roles": ["owner"]}, Participant(A, False, False, False, 3)),
        ({"status": "invited"}, Participant(A, False, True, False, 3)),
        ({"status": "archived"}, Participant(A, False, True, True, 3)),
        ({"time_zone": "UTC", "new_field": {}}, Participant(A, False, True, False, 3)),
    ],
)
def test_a_person_is_read_as_what_matters_here(
    changes: dict[str, Any], expected: Participant
) -> None:
    assert events.read_people(event("user_updated", {"users": [user(**changes)]})) == [expected]


def test_created_people_bring_the_pairs_chosen_for_them() -> None:
    data = {
        "users": [user()],
        "assignments": [{"id": str(C), "instructor_id": str(B), "student_id": str(A)}],
        "assigned_by": str(B),
    }
    people, chosen, by = events.read_user_created(event("user_created", data))
    assert (len(people), chosen, by) == (1, {Pair(B, A): C}, B)


def test_people_created_by_nobody_bring_no_pairs() -> None:
    data = {"users": [user()], "assignments": [], "assigned_by": None}
    assert events.read_user_created(event("user_created", data))[1] == {}
    data["assignments"] = [{"id": str(C), "instructor_id": str(B), "student_id": str(A)}]
    with pytest.raises(Invalid):
        events.read_user_created(event("user_created", data))


def test_only_a_booking_that_assigns_names_a_pair() -> None:
    session = {"instructor_id": str(A), "student_id": str(B), "booked_by": str(C), "title": "x"}
    booked = event("session_booked", {"session": session, "assigns_pair": True, "more": 1})
    assert events.read_assigning_session(booked) == (Pair(A, B), C)
    booked = event("session_booked", {"session": session, "assigns_pair": False})
    assert events.read_assigning_session(booked) is None


def test_what_is_not_as_agreed_is_invalid() -> None:
    with pytest.raises(Invalid) as caught:
        events.read_people(event("user_updated", {"users": [user(version="x")]}))
    assert [error.pointer for error in caught.value.errors] == ["/users/0/version"]


def fact(n: int) -> dict[str, Any]:
    return {"instructor_id": str(n), "student_id": "s"}


def test_a_single_assignment_is_told_under_its_pair_and_many_under_their_cause() -> None:
    assert list(events.batches([fact(1)], "cause")) == [("1:s", [fact(1)])]
    many = [fact(n) for n in range(1001)]
    told = list(events.batches(many, "cause"))
    assert [(subject, len(batch)) for subject, batch in told] == [
        ("cause", 500),
        ("cause", 500),
        ("cause", 1),
    ]
    assert list(events.batches([], "cause")) == []
