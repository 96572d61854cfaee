"""Assignments over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from chassis.errors import NotFound, Unavailable
from gateway.testing import System, is_problem, pointers

INSTRUCTOR, STUDENT = str(uuid.uuid4()), str(uuid.uuid4())
PAIR = {"instructor_id": INSTRUCTOR, "student_id": STUDENT}
ASSIGNMENT = {
    **PAIR,
    "id": str(uuid.uuid4()),
    "source": "manual",
    "assigned_at": "2030-01-01T00:00:00+00:00",
}
PATH = f"/api/v1/students/{STUDENT}/instructors/{INSTRUCTOR}"
EMPTY: dict[str, Any] = {"items": [], "next_cursor": None}


def person(user_id: str, role: str) -> dict[str, Any]:
    return {"id": user_id, "roles": [role], "first_name": "Ada", "last_name": role, "email": None}


def test_assigning_is_201_and_assigning_again_200(system: System) -> None:
    _, token = system.sign_in("admin")
    for created, status in ((True, 201), (False, 200)):
        system.on("assignment", "assign", {"assignment": ASSIGNMENT, "created": created})
        answer = system.request("PUT", PATH, token)
        assert (answer.status_code, answer.json()) == (status, ASSIGNMENT)
    assert system.calls("assignment", "assign") == [PAIR, PAIR]


def test_ending_keeps_the_future_sessions_unless_told_otherwise(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("booking", "count_future_sessions", {"count": 3})
    system.on("assignment", "end_assignment", {"ended": ASSIGNMENT})
    answer = system.request("DELETE", PATH, token)
    assert answer.json() == {"ended": ASSIGNMENT, "future_sessions": {"kept": 3, "cancelled": 0}}
    assert system.calls("assignment", "end_assignment") == [{**PAIR, "future_sessions": "keep"}]
    assert system.calls("booking", "cancel_future_sessions") == []


def test_ending_with_cancel_cancels_at_once(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("booking", "count_future_sessions", {"count": 3})
    system.on("booking", "cancel_future_sessions", {"cancelled": 0})  # the event was faster
    system.on("assignment", "end_assignment", {"ended": ASSIGNMENT})
    answer = system.request("DELETE", f"{PATH}?future_sessions=cancel", token)
    assert answer.json()["future_sessions"] == {"kept": 0, "cancelled": 3}
    assert system.calls("assignment", "end_assignment") == [{**PAIR, "future_sessions": "cancel"}]


def test_with_booking_away_nothing_is_ended(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("booking", "count_future_sessions", Unavailable("service.timeout", "No."))
    is_problem(system.request("DELETE", f"{PATH}?future_sessions=cancel", token), 503)
    assert system.calls("assignment", "end_assignment") == []


def test_ending_what_is_not_assigned_is_404_and_a_wrong_choice_422(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("booking", "count_future_sessions", {"count": 0})
    system.on("assignment", "end_assignment", NotFound("assignment.not_assigned", "No."))
    is_problem(system.request("DELETE", PATH, token), 404, "assignment.not_assigned")
    answer = system.request("DELETE", f"{PATH}?future_sessions=burn", token)
    assert pointers(is_problem(answer, 422)) == ["/future_sessions"]


def test_many_pairs_are_assigned_or_ended_in_one_call(system: System) -> None:
    _, token = system.sign_in("admin")
    results = [{**PAIR, "outcome": "assigned", "assignment": ASSIGNMENT}]
    for operation, method in (("assign", "assign_many"), ("end", "end_many")):
        system.on("assignment", method, {"results": results})
        body = {"pairs": [PAIR], "operation": operation}
        answer = system.request("POST", "/api/v1/assignments/batch", token, json=body)
        assert answer.json() == {"results": results}
        assert system.calls("assignment", method) == [{"pairs": [PAIR]}]


def test_a_batch_can_not_claim_another_source(system: System) -> None:
    _, token = system.sign_in("admin")
    for extra, pointer in (({"source": "import"}, "/source"), ({"operation": "x"}, "/operation")):
        body = {"pairs": [PAIR], "operation": "assign", **extra}
        answer = system.request("POST", "/api/v1/assignments/batch", token, json=body)
        assert pointers(is_problem(answer, 422)) == [pointer]


def test_the_list_and_the_explanation_are_passed_on(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("assignment", "list_assignments", {"items": [ASSIGNMENT], "next_cursor": "more"})
    system.on("assignment", "explain", {"allowed": True})
    path = f"/api/v1/assignments?student_id={STUDENT}&status=ended&cursor=abc"
    assert system.request("GET", path, token).json()["next_cursor"] == "more"
    assert system.calls("assignment", "list_assignments") == [
        {"student_id": STUDENT, "status": "ended", "cursor": "abc"}
    ]
    path = f"/api/v1/assignments/explain?instructor_id={INSTRUCTOR}&student_id={STUDENT}"
    assert system.request("GET", path, token).json() == {"allowed": True}
    assert system.calls("assignment", "explain") == [PAIR]


def test_an_administrator_lists_a_students_instructors_with_names(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("assignment", "list_assignments", {"items": [ASSIGNMENT], "next_cursor": None})
    people = [person(INSTRUCTOR, "instructor"), person(STUDENT, "student")]
    system.on("identity", "get_users", {"items": people})
    answer = system.request("GET", f"/api/v1/students/{STUDENT}/instructors", token)
    assert answer.json()["items"] == [
        {
            "assignment_id": ASSIGNMENT["id"],
            "instructor": {
                "id": INSTRUCTOR,
                "first_name": "Ada",
                "last_name": "instructor",
                "email": None,
            },
            "source": "manual",
            "assigned_at": ASSIGNMENT["assigned_at"],
        }
    ]
    answer = system.request("GET", f"/api/v1/instructors/{INSTRUCTOR}/students", token)
    assert answer.json()["items"][0]["student"]["last_name"] == "student"


def test_the_list_of_somebody_unknown_or_of_another_role_is_404(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("assignment", "list_assignments", EMPTY)
    for people in ([], [person(STUDENT, "instructor")]):
        system.on("identity", "get_users", {"items": people})
        answer = system.request("GET", f"/api/v1/students/{STUDENT}/instructors", token)
        is_problem(answer, 404, "identity.unknown_user")


def test_an_instructor_sees_of_a_students_instructors_only_themselves(system: System) -> None:
    me, token = system.sign_in("instructor")
    system.on("assignment", "list_assignments", EMPTY)
    system.on("identity", "get_users", {"items": [person(STUDENT, "student")]})
    is_problem(system.request("GET", f"/api/v1/students/{STUDENT}/instructors", token), 404)
    [call] = system.calls("assignment", "list_assignments")
    assert call["instructor_id"] == str(me.user_id)


def test_a_student_sees_their_own_instructors_and_no_other_students(system: System) -> None:
    me, token = system.sign_in("student")
    system.on("assignment", "list_assignments", EMPTY)
    system.on("identity", "get_users", {"items": [person(str(me.user_id), "student")]})
    assert (
        system.request("GET", f"/api/v1/students/{me.user_id}/instructors", token).json() == EMPTY
    )
    is_problem(system.request("GET", f"/api/v1/students/{STUDENT}/instructors", token), 404)
    assert len(system.calls("assignment", "list_assignments")) == 1
