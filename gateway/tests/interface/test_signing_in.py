"""Invitations, forgotten passwords, one's own password, and attempts that come too often."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from chassis.errors import Conflict, Forbidden, Invalid
from gateway.testing import System, is_problem, pointers

SIGNED_IN = {"access_token": "a", "refresh_token": "r", "expires_in": 900}  # nosec B105 # made up for a test
LINK = {"token": "from-the-mail", "password": "a new secret"}  # nosec B105 # made up for a test
NEW = {"password": "a new secret", "current_password": "the old one"}  # nosec B105 # made up for a test
ADA = {"roles": ["student"], "first_name": "Ada", "last_name": "Lovelace"}


def user(**fields: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "first_name": "Ada",
        "status": "invited",
        "version": 3,
        **fields,
    }


def test_an_invitation_is_accepted_without_a_token_and_signs_in(system: System) -> None:
    system.on("identity", "accept_invitation", SIGNED_IN)
    answer = system.request("POST", "/api/v1/auth/accept-invitation", json=LINK)
    assert (answer.status_code, answer.json()) == (200, SIGNED_IN)
    assert system.calls("identity", "accept_invitation") == [LINK]


def test_a_forgotten_password_is_answered_alike_for_everybody(system: System) -> None:
    system.on("identity", "forgot_password", {})
    for body in ({"login": "ada@example.com"}, {"login": "nobody", "organization": "bright"}):
        answer = system.request("POST", "/api/v1/auth/forgot-password", json=body)
        assert (answer.status_code, answer.json()) == (202, {})
        assert system.calls("identity", "forgot_password")[-1] == body


def test_a_password_is_reset_without_an_answer_of_its_own(system: System) -> None:
    system.on("identity", "reset_password", lambda _kwargs, _call: None)
    answer = system.request("POST", "/api/v1/auth/reset-password", json=LINK)
    assert (answer.status_code, answer.content) == (204, b"")
    assert system.calls("identity", "reset_password") == [LINK]


@pytest.mark.parametrize("path", ["accept-invitation", "reset-password"])
@pytest.mark.parametrize(
    ("code", "pointer"),
    [("identity.bad_link", "/token"), ("identity.weak_password", "/password")],
)
def test_a_bad_link_and_a_weak_password_are_named_fields(
    system: System, path: str, code: str, pointer: str
) -> None:
    system.on("identity", path.replace("-", "_"), Invalid.field(pointer, "No.", code=code))
    answer = system.request("POST", f"/api/v1/auth/{path}", json=LINK)
    assert pointers(is_problem(answer, 422, code)) == [pointer]


@pytest.mark.parametrize(
    ("path", "body", "missing"),
    [
        ("auth/accept-invitation", {}, ["/password", "/token"]),
        ("auth/reset-password", {"token": "x"}, ["/password"]),  # nosec B105 # made up for a test
        ("auth/forgot-password", {}, ["/login"]),
    ],
)
def test_what_is_missing_is_named(
    system: System, path: str, body: dict[str, str], missing: list[str]
) -> None:
    answer = system.request("POST", f"/api/v1/{path}", json=body)
    assert pointers(is_problem(answer, 422)) == missing


def test_too_many_attempts_say_when_to_come_back(system: System) -> None:
    error = Forbidden("identity.too_many_attempts", "Wait.", data={"retry_after": 7})
    system.on("identity", "authenticate", error)
    body = {"login": uuid.uuid4().hex, "password": "wrong"}  # nosec B105 # made up for a test
    answer = system.request("POST", "/api/v1/auth/login", json=body)
    problem = is_problem(answer, 429, "identity.too_many_attempts")
    assert answer.headers["Retry-After"] == "7"
    assert problem["retry_after"] == 7


def test_guessing_on_costs_identity_nothing_until_the_next_attempt_is_due(system: System) -> None:
    refusal = Forbidden("identity.too_many_attempts", "Wait.", data={"retry_after": 60})
    system.on("identity", "authenticate", refusal)
    login = uuid.uuid4().hex
    answers = [log_in(system, login, f"guess {number}") for number in range(20)]
    assert {answer.status_code for answer in answers} == {429}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in answers)
    assert len(system.calls("identity", "authenticate")) == 1


def test_who_is_refused_at_one_login_or_organization_may_sign_in_to_another(system: System) -> None:
    refusal = Forbidden("identity.too_many_attempts", "Wait.", data={"retry_after": 60})
    system.on("identity", "authenticate", refusal)
    login = uuid.uuid4().hex
    log_in(system, login, "wrong")
    system.on("identity", "authenticate", Forbidden("identity.bad_credentials", "No."))
    assert log_in(system, login, "wrong").status_code == 429
    assert log_in(system, login, "wrong", organization="north").status_code == 401
    assert log_in(system, uuid.uuid4().hex, "wrong").status_code == 401


@pytest.mark.parametrize("wrong", [None, 7, [None], {"a": 1}, "\x00"])
def test_what_is_no_login_or_organization_is_left_to_identity(system: System, wrong: Any) -> None:
    refusal = Invalid.field("/login", "No text.")
    system.on("identity", "authenticate", refusal)
    is_problem(log_in(system, wrong, "wrong"), 422)
    is_problem(log_in(system, "ada", "wrong", organization=wrong), 422)


def log_in(system: System, login: Any, password: str, **more: Any) -> requests.Response:
    body = {"login": login, "password": password, **more}
    return system.request("POST", "/api/v1/auth/login", json=body)


@pytest.mark.parametrize(
    ("given", "is_invited"),
    [
        ({"email": "ada@example.com"}, True),
        ({"email": "ada@example.com", "password": None}, True),  # nosec B105 # made up for a test
        ({"email": "ada@example.com", "password": "secret"}, False),  # nosec B105 # made up for a test
        ({"username": "ada"}, False),
        ({"username": "ada", "email": None}, False),
        ({"email": "ada@example.com", "send_invitation": False}, False),
        ({"username": "ada", "send_invitation": True}, True),
    ],
)
def test_who_has_an_address_and_no_password_is_invited_unless_held_back(
    system: System, given: dict[str, Any], is_invited: bool
) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "create_user", {"user": user(), "assignments": []})
    assert system.request("POST", "/api/v1/users", token, json=ADA | given).status_code == 201
    [call] = system.calls("identity", "create_user")
    assert call.get("send_invitation", False) is is_invited
    assert call == {**call, **ADA, **given}


def test_a_person_is_invited_again(system: System) -> None:
    _, token = system.sign_in("admin")
    person = user()
    system.on("identity", "invite_user", person)
    answer = system.request("POST", f"/api/v1/users/{person['id']}/invite", token)
    assert (answer.status_code, answer.json(), answer.headers["ETag"]) == (200, person, '"3"')
    assert system.calls("identity", "invite_user") == [{"user_id": person["id"]}]


@pytest.mark.parametrize("code", ["identity.already_active", "identity.no_email"])
def test_who_can_not_be_invited_is_a_conflict(system: System, code: str) -> None:
    _, token = system.sign_in("admin")
    system.on("identity", "invite_user", Conflict(code, "No."))
    is_problem(system.request("POST", f"/api/v1/users/{uuid.uuid4()}/invite", token), 409, code)


@pytest.mark.parametrize("body", [{}, {"user_ids": [str(uuid.uuid4())]}])
def test_held_back_invitations_are_sent(system: System, body: dict[str, Any]) -> None:
    _, token = system.sign_in("owner")
    system.on("identity", "invite_users", {"invited": 5, "more": False})
    answer = system.request("POST", "/api/v1/users/invitations", token, json=body)
    assert (answer.status_code, answer.json()) == (202, {"invited": 5, "more": False})
    assert system.calls("identity", "invite_users") == [body]


@pytest.mark.parametrize("path", ["invitations", f"{uuid.uuid4()}/invite"])
@pytest.mark.parametrize("role", ["instructor", "student"])
def test_only_administrators_invite(system: System, path: str, role: str) -> None:
    _, token = system.sign_in(role)
    answer = system.request("POST", f"/api/v1/users/{path}", token)
    is_problem(answer, 403, "access.role_required")


def test_password_and_time_zone_change_in_one_call(system: System) -> None:
    person, token = system.sign_in("student")
    own = user(id=str(person.user_id))
    system.on("identity", "change_password", own)
    for service in ("assignment", "booking"):
        system.on(service, "refresh_participants", lambda _kwargs, _call: None)
    body = {**NEW, "time_zone": "Europe/Berlin"}
    headers = {"If-Match": '"2"'}
    answer = system.request("PATCH", "/api/v1/me", token, json=body, headers=headers)
    assert (answer.status_code, answer.json(), answer.headers["ETag"]) == (200, own, '"3"')
    changes = {"time_zone": "Europe/Berlin"}
    assert system.calls("identity", "change_password") == [
        {**NEW, "access_token": token, "changes": changes, "if_version": 2}
    ]
    assert system.calls("identity", "update_user") == []


def test_a_new_password_needs_the_old_one(system: System) -> None:
    _, token = system.sign_in("student")
    for half, value in NEW.items():
        other = {"password", "current_password"} - {half}
        answer = system.request("PATCH", "/api/v1/me", token, json={half: value})
        assert pointers(is_problem(answer, 422)) == [f"/{other.pop()}"]
    assert system.calls("identity", "change_password") == []


def test_a_wrong_current_password_is_a_wrong_field(system: System) -> None:
    _, token = system.sign_in("student")
    system.on("identity", "change_password", Forbidden("identity.bad_credentials", "No."))
    answer = system.request("PATCH", "/api/v1/me", token, json=NEW)
    assert pointers(is_problem(answer, 422, "identity.wrong_password")) == ["/current_password"]


def test_a_wrong_time_zone_is_named_as_the_caller_wrote_it(system: System) -> None:
    _, token = system.sign_in("student")
    system.on("identity", "change_password", Invalid.field("/changes/time_zone", "No such zone."))
    body = {**NEW, "time_zone": "Mars/Olympus"}
    answer = system.request("PATCH", "/api/v1/me", token, json=body)
    assert pointers(is_problem(answer, 422)) == ["/time_zone"]


def test_after_a_change_of_the_password_the_token_is_verified_anew(system: System) -> None:
    _, token = system.sign_in("student")
    system.on("identity", "change_password", user())
    system.on("identity", "get_user", user())
    assert system.request("PATCH", "/api/v1/me", token, json=NEW).ok
    before = len(system.calls("identity", "verify_token"))
    assert system.request("GET", "/api/v1/me", token).ok
    assert len(system.calls("identity", "verify_token")) == before + 1
