"""Sign-up, sign-in, people and the organization."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chassis.context import Actor
from chassis.errors import Conflict, Forbidden, Invalid, Unavailable
from chassis.testing import wait_until
from gateway.testing import System, is_problem, pointers, timed

SIGNED_IN = {"access_token": "a", "refresh_token": "r", "expires_in": 900}  # nosec B105 # made up for a test


def user(user_id: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": user_id or str(uuid.uuid4()),
        "roles": ["student"],
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "version": 3,
        **fields,
    }


def assignment(instructor_id: str, student_id: str) -> dict[str, str]:
    return {
        "id": str(uuid.uuid4()),
        "instructor_id": instructor_id,
        "student_id": student_id,
    }


def test_signing_up_needs_no_token(system: System) -> None:
    system.on("identity", "create_organization", SIGNED_IN)
    body = {"name": "Bright", "time_zone": "Europe/Berlin", "owner": {"first_name": "Ada"}}
    answer = system.request("POST", "/api/v1/organizations", json=body)
    assert (answer.status_code, answer.json()) == (201, SIGNED_IN)
    assert system.calls("identity", "create_organization") == [body]


def test_logging_in_and_refreshing_are_passed_on(system: System) -> None:
    system.on("identity", "authenticate", SIGNED_IN)
    system.on("identity", "refresh", SIGNED_IN)
    login = {"login": "ada@example.com", "password": "secret", "organization": "bright"}  # nosec B105 # made up for a test
    assert system.request("POST", "/api/v1/auth/login", json=login).json() == SIGNED_IN
    assert system.request("POST", "/api/v1/auth/refresh", json={"refresh_token": "r"}).ok  # nosec B105 # made up for a test
    assert system.calls("identity", "authenticate") == [login]
    assert system.calls("identity", "refresh") == [{"refresh_token": "r"}]  # nosec B105 # made up for a test


def test_bad_credentials_are_401_and_a_choice_of_organizations_409(system: System) -> None:
    login = {"login": "ada@example.com", "password": "secret"}  # nosec B105 # made up for a test
    system.on("identity", "authenticate", Forbidden("identity.bad_credentials", "No."))
    answer = system.request("POST", "/api/v1/auth/login", json=login)
    is_problem(answer, 401, "identity.bad_credentials")
    choice = [{"slug": "a", "name": "A"}]
    error = Conflict("identity.choose_organization", "Which?", data={"organizations": choice})
    system.on("identity", "authenticate", error)
    problem = is_problem(system.request("POST", "/api/v1/auth/login", json=login), 409)
    assert problem["organizations"] == choice


def test_a_new_student_is_answered_with_the_assignments_made(system: System) -> None:
    admin, token = system.sign_in("admin")
    student, instructors = str(uuid.uuid4()), [str(uuid.uuid4()) for _ in range(2)]
    made = [assignment(instructor_id, student) for instructor_id in instructors]

    def create(_kwargs: Any, _call: Any) -> Any:
        return {"user": user(student), "assignments": made}

    system.on("identity", "create_user", create)
    system.on("assignment", "authorize_many", publishing(system, admin, made))
    body = {
        "roles": ["student"],
        "first_name": "A",
        "last_name": "B",
        "instructor_ids": instructors,
    }
    answer = system.request("POST", "/api/v1/users", token, json=body)
    assert answer.status_code == 201
    assert answer.json()["assignments"] == [{**one, "status": "active"} for one in made]
    assert answer.headers["ETag"] == '"3"'
    assert system.calls("identity", "create_user") == [body]


def publishing(system: System, person: Actor, made: list[dict[str, str]]) -> Any:
    """Answers that nothing is decided yet, and publishes the assignments only then."""

    def authorize_many(_kwargs: Any, _call: Any) -> Any:
        system.publish_assignment(person.organization_id, *made)
        nothing = {"allowed": False, "reason": "never_assigned", "assignment_id": None}
        return {"results": [nothing for _ in made]}

    return authorize_many


def test_with_the_assignment_service_away_a_new_student_is_there_with_pending_assignments(
    system: System,
) -> None:
    _, token = system.sign_in("admin")
    made = [assignment(str(uuid.uuid4()), str(uuid.uuid4()))]
    system.on("identity", "create_user", {"user": user(), "assignments": made})
    system.on("assignment", "authorize", Unavailable("service.timeout", "No."))
    body = {"roles": ["student"], "first_name": "A", "last_name": "B", "instructor_ids": ["x"]}
    headers = {"Prefer": "respond-async, wait=1"}
    seconds, answer = timed(
        lambda: system.request("POST", "/api/v1/users", token, json=body, headers=headers)
    )
    assert answer.status_code == 201
    assert answer.json()["assignments"][0]["status"] == "pending"
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert 0.9 < seconds < 3


def test_a_person_without_chosen_people_is_answered_without_assignments(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "create_user", {"user": user(), "assignments": []})
    body = {"roles": ["admin"], "first_name": "A", "last_name": "B"}
    assert "assignments" not in system.request("POST", "/api/v1/users", token, json=body).json()


def test_an_unknown_instructor_is_422_with_its_place(system: System) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "create_user", Invalid.field("/instructor_ids/1", "Unknown."))
    body = {"roles": ["student"], "first_name": "A", "last_name": "B", "instructor_ids": ["x", "y"]}
    answer = system.request("POST", "/api/v1/users", token, json=body)
    assert pointers(is_problem(answer, 422)) == ["/instructor_ids/1"]


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_administrators_search_everyone(system: System, role: str) -> None:
    _, token = system.sign_in(role)
    page = {"items": [user()], "next_cursor": "more"}
    system.on("identity", "search_users", page)
    answer = system.request("GET", "/api/v1/users?q=ada&role=student&limit=5", token)
    assert answer.json() == page
    assert system.calls("identity", "search_users") == [{"q": "ada", "role": "student", "limit": 5}]


def test_an_instructor_searches_their_students_and_themselves(system: System) -> None:
    person, token = system.sign_in("instructor")
    students = [str(uuid.uuid4()) for _ in range(3)]
    pages = {
        None: {"items": [{"student_id": one} for one in students[:2]], "next_cursor": "next"},
        "next": {"items": [{"student_id": students[2]}], "next_cursor": None},
    }
    system.on("assignment", "list_assignments", lambda kwargs, _call: pages[kwargs.get("cursor")])
    system.on("identity", "search_users", {"items": [], "next_cursor": None})
    assert system.request("GET", "/api/v1/users", token).ok
    [call] = system.calls("identity", "search_users")
    assert set(call["among"]) == {*students, str(person.user_id)}
    for listed in system.calls("assignment", "list_assignments"):
        assert (listed["instructor_id"], listed["status"]) == (str(person.user_id), "active")


def test_one_sees_oneself_and_whom_one_is_assigned_to(system: System) -> None:
    person, token = system.sign_in("student")
    instructor, stranger = str(uuid.uuid4()), str(uuid.uuid4())

    def listed(kwargs: Any, _call: Any) -> Any:
        items: list[Any] = [{}] if kwargs["instructor_id"] == instructor else []
        return {"items": items, "next_cursor": None}

    system.on("assignment", "list_assignments", listed)
    system.on("identity", "get_user", lambda kwargs, _call: user(kwargs["user_id"]))
    for user_id in (str(person.user_id), instructor):
        assert system.request("GET", f"/api/v1/users/{user_id}", token).json()["id"] == user_id
    is_problem(
        system.request("GET", f"/api/v1/users/{stranger}", token), 404, "identity.unknown_user"
    )


@pytest.mark.parametrize(
    ("method", "path", "rpc"),
    [
        ("PATCH", "", "update_user"),
        ("POST", "/archive", "archive_user"),
        ("POST", "/restore", "restore_user"),
    ],
)
def test_a_changed_person_is_made_known_at_once(
    system: System, method: str, path: str, rpc: str
) -> None:
    _, token = system.sign_in("admin")
    user_id = str(uuid.uuid4())
    system.on("identity", rpc, user(user_id))
    for service in ("assignment", "booking"):
        system.on(service, "refresh_participants", lambda _kwargs, _call: None)
    body = {"json": {"roles": ["student"]}} if method == "PATCH" else {}
    answer = system.request(method, f"/api/v1/users/{user_id}{path}", token, **body)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"3"')
    for service in ("assignment", "booking"):
        assert system.calls(service, "refresh_participants") == [{"user_ids": [user_id]}]


def test_a_person_is_changed_also_when_nobody_else_answers(system: System) -> None:
    _, token = system.sign_in("admin")
    user_id = str(uuid.uuid4())
    system.on("identity", "archive_user", user(user_id))
    for service in ("assignment", "booking"):
        system.on(service, "refresh_participants", Unavailable("service.timeout", "No."))
    assert system.request("POST", f"/api/v1/users/{user_id}/archive", token).ok


def test_the_organization_is_read_and_changed(system: System) -> None:
    _, token = system.sign_in("owner")
    system.on("identity", "get_organization", {"name": "A", "version": 1})
    system.on("identity", "update_organization", {"name": "B", "version": 2})
    system.on("booking", "refresh_organization", lambda _kwargs, _call: None)
    assert system.request("GET", "/api/v1/organization", token).headers["ETag"] == '"1"'
    answer = system.request("PATCH", "/api/v1/organization", token, json={"name": "B"})
    assert answer.json() == {"name": "B", "version": 2}
    assert system.calls("identity", "update_organization") == [{"changes": {"name": "B"}}]
    assert system.calls("booking", "refresh_organization") == [{}]


def test_ones_own_time_zone_is_changed(system: System) -> None:
    person, token = system.sign_in("student")
    system.on("identity", "update_user", user(str(person.user_id)))
    body = {"time_zone": "Europe/Berlin"}
    assert system.request("PATCH", "/api/v1/me", token, json=body).ok
    assert system.calls("identity", "update_user") == [
        {"user_id": str(person.user_id), "changes": body}
    ]
    wait_until(lambda: system.calls("booking", "refresh_participants"))
