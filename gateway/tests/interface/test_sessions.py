"""Sessions over HTTP, and waiting for the assignment that an administrator's booking makes."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from chassis.context import Actor
from chassis.errors import Conflict, Forbidden, Unavailable
from gateway.testing import System, is_problem, timed

PATH = "/api/v1/sessions"
NOT_YET = {"allowed": False, "reason": "never_assigned", "assignment_id": None}


def wanted(**fields: Any) -> dict[str, Any]:
    return {
        "instructor_id": str(uuid.uuid4()),
        "student_id": str(uuid.uuid4()),
        "starts_at": "2030-01-31T15:00:00+00:00",
        "duration_minutes": 60,
        **fields,
    }


def session(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "id": str(uuid.uuid4()), "status": "scheduled", "version": 1}


def assignment_of(body: dict[str, Any]) -> dict[str, str]:
    return {
        "id": str(uuid.uuid4()),
        "instructor_id": body["instructor_id"],
        "student_id": body["student_id"],
    }


def booking(
    system: System, *, before: bool = False, then: Callable[[], None] = lambda: None
) -> None:
    """Books, then does what happens next."""

    def book(kwargs: Any, _call: Any) -> Any:
        then()
        return {"session": session(kwargs), "pair_booked_before": before}

    system.on("booking", "book_session", book)


def later(seconds: float, action: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


def publish(system: System, person: Actor, assignment: dict[str, str]) -> Callable[[], None]:
    return lambda: system.publish_assignment(person.organization_id, assignment)


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_an_administrators_booking_answers_the_assignment_it_made(
    system: System, role: str
) -> None:
    admin, token = system.sign_in(role)
    body = wanted(title="Algebra")
    made = assignment_of(body)
    system.on("assignment", "authorize", NOT_YET)
    booking(system, then=lambda: later(0.15, publish(system, admin, made)))
    seconds, answer = timed(lambda: system.request("POST", PATH, token, json=body))
    assert answer.status_code == 201
    assert answer.json()["assignment"] == {"status": "active", "id": made["id"]}
    assert answer.headers["ETag"] == '"1"'
    assert system.calls("booking", "book_session") == [body]
    assert seconds < 1.8


def test_an_event_that_is_faster_than_the_answer_is_not_missed(system: System) -> None:
    admin, token = system.sign_in("admin")
    body = wanted()
    made = assignment_of(body)
    booking(system, then=publish(system, admin, made))
    answer = system.request("POST", PATH, token, json=body)
    assert answer.json()["assignment"] == {"status": "active", "id": made["id"]}
    assert system.calls("assignment", "authorize") == []


def test_a_pair_booked_before_is_asked_about_at_once(system: System) -> None:
    _, token = system.sign_in("admin")
    decision = {"allowed": True, "reason": "assigned", "assignment_id": str(uuid.uuid4())}
    system.on("assignment", "authorize", decision)
    booking(system, before=True)
    answer = system.request("POST", PATH, token, json=wanted())
    assert answer.json()["assignment"] == {"status": "active", "id": decision["assignment_id"]}


def test_the_event_of_another_organization_or_pair_says_nothing(system: System) -> None:
    admin, token = system.sign_in("admin")
    stranger, _ = system.sign_in("admin")
    body = wanted()
    system.on("assignment", "authorize", NOT_YET)

    def others() -> None:
        publish(system, stranger, assignment_of(body))()
        publish(system, admin, assignment_of(wanted(student_id=body["student_id"])))()

    booking(system, then=others)
    answer = system.request("POST", PATH, token, json=body, headers={"Prefer": "wait=1"})
    assert answer.json()["assignment"] == {"status": "pending", "id": None}


def test_with_the_assignment_service_away_the_booking_stands_as_pending(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("assignment", "authorize", Unavailable("service.timeout", "No."))
    booking(system)
    seconds, answer = timed(lambda: system.request("POST", PATH, token, json=wanted()))
    assert (answer.status_code, answer.json()["assignment"]["status"]) == (201, "pending")
    assert 1.8 < seconds < 4


@pytest.mark.parametrize(
    ("prefer", "applied", "least", "most"),
    [
        ("wait=0", "wait=0", 0, 1.5),
        ("wait=3", "wait=3", 2.8, 4.5),
        ("handling=lenient", None, 1.8, 4),
    ],
)
def test_the_caller_says_how_long_to_wait(
    system: System, prefer: str, applied: str | None, least: float, most: float
) -> None:
    _, token = system.sign_in("admin")
    system.on("assignment", "authorize", NOT_YET)
    booking(system)
    headers = {"Prefer": prefer}
    seconds, answer = timed(
        lambda: system.request("POST", PATH, token, json=wanted(), headers=headers)
    )
    assert answer.json()["assignment"]["status"] == "pending"
    assert answer.headers.get("Preference-Applied") == applied
    assert least <= seconds < most


def test_a_wait_beyond_the_usual_deadline_is_heeded_too(system: System) -> None:
    admin, token = system.sign_in("admin")
    body = wanted()
    made = assignment_of(body)
    system.on("assignment", "authorize", NOT_YET)
    booking(system, then=lambda: later(5.5, publish(system, admin, made)))
    answer = system.request("POST", PATH, token, json=body, headers={"Prefer": "wait=10"})
    assert answer.json()["assignment"]["id"] == made["id"]


def test_a_replayed_booking_asks_instead_of_waiting_for_an_event_long_gone(system: System) -> None:
    _, token = system.sign_in("admin")
    decision = {"allowed": True, "reason": "assigned", "assignment_id": str(uuid.uuid4())}
    system.on("assignment", "authorize", decision)

    def replay(kwargs: Any, call: Any) -> Any:
        call.replayed = True
        return {"session": session(kwargs), "pair_booked_before": False}

    system.on("booking", "book_session", replay)
    headers = {"Idempotency-Key": "k"}
    answer = system.request("POST", PATH, token, json=wanted(), headers=headers)
    assert (answer.status_code, answer.headers["Idempotent-Replay"]) == (201, "true")
    assert answer.json()["assignment"]["status"] == "active"


def test_an_instructors_booking_is_not_waited_for(system: System) -> None:
    me, token = system.sign_in("instructor")
    booking(system)
    answer = system.request("POST", PATH, token, json=wanted(instructor_id=str(me.user_id)))
    assert answer.status_code == 201
    assert "assignment" not in answer.json()
    system.on("booking", "book_session", Forbidden("assignment.pair_not_assigned", "No."))
    is_problem(
        system.request("POST", PATH, token, json=wanted()), 403, "assignment.pair_not_assigned"
    )


def test_a_student_requests(system: System) -> None:
    me, token = system.sign_in("student")
    body = wanted(student_id=str(me.user_id))
    system.on("booking", "request_session", session({**body, "status": "pending"}))
    answer = system.request("POST", PATH, token, json=body)
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert system.calls("booking", "request_session") == [body]


def test_who_is_both_requests_as_student_and_books_as_instructor(system: System) -> None:
    me, token = system.sign_in("instructor", "student")
    as_student = wanted(student_id=str(me.user_id))
    system.on("booking", "request_session", session(as_student))
    booking(system)
    assert system.request("POST", PATH, token, json=as_student).ok
    assert system.request("POST", PATH, token, json=wanted(instructor_id=str(me.user_id))).ok
    assert len(system.calls("booking", "request_session")) == 1
    assert len(system.calls("booking", "book_session")) == 1


def test_an_overlap_is_409_and_names_what_is_in_the_way(system: System) -> None:
    _, token = system.sign_in("admin")
    conflicts = [{"id": str(uuid.uuid4()), "who": "student"}]
    error = Conflict("booking.conflict", "Not free.", data={"conflicts": conflicts})
    system.on("booking", "book_session", error)
    problem = is_problem(system.request("POST", PATH, token, json=wanted()), 409, error.code)
    assert problem["conflicts"] == conflicts


@pytest.mark.parametrize("value", [None, 42, {"x": 1}, ["y"], "\x00"])
def test_ids_of_any_shape_reach_the_service_that_refuses_them(system: System, value: Any) -> None:
    _, token = system.sign_in("admin")
    booking(system)
    body = wanted(instructor_id=value)
    assert system.request("POST", PATH, token, json=body, headers={"Prefer": "wait=0"}).ok
    assert system.calls("booking", "book_session") == [body]


def test_the_list_takes_a_span_of_time(system: System) -> None:
    _, token = system.sign_in("student")
    page: dict[str, Any] = {"items": [], "next_cursor": None}
    system.on("booking", "list_sessions", page)
    query = {"from": "2030-01-01T00:00:00+01:00", "to": "2031-01-01T00:00:00Z", "limit": "7"}
    assert system.request("GET", PATH, token, params=query).json() == page
    assert system.calls("booking", "list_sessions") == [{**query, "limit": 7}]


def test_a_session_is_read_and_changed_with_its_tag(system: System) -> None:
    _, token = system.sign_in("admin")
    found = {**session(wanted()), "version": 4}
    path = f"{PATH}/{found['id']}"
    system.on("booking", "get_session", found)
    system.on("booking", "reschedule_session", {**found, "version": 5})
    assert system.request("GET", path, token).headers["ETag"] == '"4"'
    body = {"title": "Geometry", "allow_overlap": True}
    answer = system.request("PATCH", path, token, json=body, headers={"If-Match": '"4"'})
    assert answer.headers["ETag"] == '"5"'
    assert system.calls("booking", "reschedule_session") == [
        {
            "session_id": found["id"],
            "changes": {"title": "Geometry"},
            "allow_overlap": True,
            "if_version": 4,
        }
    ]


@pytest.mark.parametrize(
    ("action", "method"),
    [
        ("confirm", "confirm_session"),
        ("decline", "decline_session"),
        ("cancel", "cancel_session"),
        ("complete", "complete_session"),
        ("missed", "miss_session"),
    ],
)
def test_each_step_of_a_session_is_one_call(system: System, action: str, method: str) -> None:
    _, token = system.sign_in("instructor")
    found = session(wanted())
    system.on("booking", method, found)
    answer = system.request("POST", f"{PATH}/{found['id']}/{action}", token)
    assert (answer.status_code, answer.json(), answer.headers["ETag"]) == (200, found, '"1"')
    assert system.calls("booking", method) == [{"session_id": found["id"]}]
    system.on("booking", method, Conflict("booking.wrong_status", "No."))
    is_problem(system.request("POST", f"{PATH}/{found['id']}/{action}", token), 409)


def test_a_reason_goes_with_a_cancellation(system: System) -> None:
    _, token = system.sign_in("instructor")
    found = session(wanted())
    system.on("booking", "cancel_session", found)
    body = {"reason": "Ill"}
    assert system.request("POST", f"{PATH}/{found['id']}/cancel", token, json=body).ok
    assert system.calls("booking", "cancel_session") == [{"session_id": found["id"], **body}]
