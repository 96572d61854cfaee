"""Signing in, from the mailed invitation to the forgotten password, over HTTP and on real servers."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chassis.testing import wait_until
from chassis.testing.mailbox import Mailbox

from .client import PASSWORD, Api, Organization, Person, expect, sign_in, sign_up
from .system import RunningSystem

NEW_PASSWORD = "a quite different secret"  # nosec B105 # made up for a test


@pytest.fixture
def mailbox(shared_system: RunningSystem) -> Mailbox:
    return Mailbox(shared_system.run_dir / "mail")


def address() -> str:
    return f"person.{uuid.uuid4().hex}@example.org"


def accept(anybody: Api, token: str, password: str = PASSWORD) -> Any:
    body = {"token": token, "password": password}
    return expect(200, anybody.post("/auth/accept-invitation", body))


def status_of(person: Person) -> str:
    return str(expect(200, person.organization.admin.get(f"/users/{person.id}"))["status"])


def test_an_invited_person_chooses_a_password_by_the_mailed_link_and_is_signed_in(
    organization: Organization, anybody: Api, mailbox: Mailbox
) -> None:
    student = organization.add_student()
    assert status_of(student) == "invited"
    token = mailbox.token_for(student.email)
    signed_in = accept(anybody, token)
    assert signed_in["user"]["id"] == student.id
    assert expect(200, Api(organization.url, signed_in["access_token"]).get("/me"))
    assert status_of(student) == "active"
    sign_in(organization.url, student.email)
    again = anybody.post("/auth/accept-invitation", {"token": token, "password": NEW_PASSWORD})
    assert (again.status, again.code, again.pointers) == (422, "identity.bad_link", ["/token"])


def test_a_held_back_invitation_is_sent_later_and_a_second_one_ends_the_first(
    organization: Organization, anybody: Api, mailbox: Mailbox
) -> None:
    student = organization.add_student(send_invitation=False)
    path = f"/users/{student.id}/invite"
    expect(200, organization.admin.post(path))
    first = mailbox.token_for(student.email)
    expect(200, organization.admin.post(path))
    second = mailbox.token_for(student.email, count=2)
    # The one at creation was held back: these are all.
    assert len(mailbox.to(student.email)) == 2
    body = {"token": first, "password": PASSWORD}
    assert anybody.post("/auth/accept-invitation", body).code == "identity.bad_link"
    accept(anybody, second)
    assert organization.admin.post(path).code == "identity.already_active"


def test_all_held_back_invitations_are_sent_at_once(
    organization: Organization, mailbox: Mailbox
) -> None:
    students = [organization.add_student(send_invitation=False) for _ in range(3)]
    answer = expect(202, organization.admin.post("/users/invitations", {}))
    assert answer == {"invited": 3, "more": False}
    for student in students:
        assert mailbox.token_for(student.email)
    assert expect(202, organization.admin.post("/users/invitations"))["invited"] == 0


def test_imported_people_are_invited_if_the_upload_says_so(
    organization: Organization, anybody: Api, mailbox: Mailbox
) -> None:
    invited, held_back = address(), address()
    for email, send in ((held_back, "false"), (invited, "true")):
        rows = f"role,first_name,last_name,email\nstudent,Sam,Sum,{email}\n"
        assert organization.upload(rows, send_invitations=send)["counts"]["create"] == 1
    accept(anybody, mailbox.token_for(invited))
    # Uploaded before the other: its mail would have been there first.
    assert mailbox.to(held_back) == []


@pytest.mark.parametrize("password", ["short", "password", "x" * 129])
def test_a_password_that_is_too_weak_is_a_wrong_field_and_uses_no_link_up(
    organization: Organization, anybody: Api, mailbox: Mailbox, password: str
) -> None:
    token = mailbox.token_for(organization.add_student().email)
    refused = anybody.post("/auth/accept-invitation", {"token": token, "password": password})
    assert (refused.status, refused.pointers) == (422, ["/password"])
    accept(anybody, token)


def test_a_forgotten_password_is_replaced_and_all_that_was_signed_in_ends(
    organization: Organization, anybody: Api, mailbox: Mailbox
) -> None:
    student = organization.add_student(can_sign_in=True)
    stolen = student.api
    expect(202, anybody.post("/auth/forgot-password", {"login": student.email}))
    token = mailbox.token_for(student.email)
    body = {"token": token, "password": NEW_PASSWORD}
    expect(204, anybody.post("/auth/reset-password", body))
    wait_until(lambda: stolen.get("/me").status == 401, 1, every=0.02)
    credentials = {"login": student.email, "password": PASSWORD}
    assert anybody.post("/auth/login", credentials).code == "identity.bad_credentials"
    sign_in(organization.url, student.email, NEW_PASSWORD)
    assert anybody.post("/auth/reset-password", body).code == "identity.bad_link"


def test_asking_for_a_link_does_not_tell_who_exists(
    organization: Organization, anybody: Api
) -> None:
    student = organization.add_student(can_sign_in=True)
    archived = organization.add_student(can_sign_in=True)
    expect(200, organization.admin.post(f"/users/{archived.id}/archive"))
    for login in (student.email, archived.email, address(), "nobody"):
        answer = anybody.post("/auth/forgot-password", {"login": login})
        assert (answer.status, answer.body) == (202, {})


def test_somebody_in_several_organizations_chooses(
    url: str, organization: Organization, anybody: Api
) -> None:
    other, email = sign_up(url), address()
    for one in (organization, other):
        one.add_student(email=email, can_sign_in=True)
    credentials = {"login": email, "password": PASSWORD}
    choice = anybody.post("/auth/login", credentials)
    assert (choice.status, choice.code) == (409, "identity.choose_organization")
    slugs = {one["slug"] for one in choice.body["organizations"]}
    assert slugs == {organization.slug, other.slug}
    for one in (organization, other):
        body = expect(200, anybody.post("/auth/login", {**credentials, "organization": one.slug}))
        assert body["organization"]["id"] == one.id


def test_somebody_without_an_address_signs_in_with_a_username(
    organization: Organization, anybody: Api
) -> None:
    username = f"tim{uuid.uuid4().hex[:10]}"
    tim = organization.add_student(email=None, username=username, can_sign_in=True)
    assert expect(200, sign_in(organization.url, username.upper()).get("/me"))["id"] == tim.id
    body = {"token": "x", "password": NEW_PASSWORD}  # nosec B105 # made up for a test
    assert anybody.post("/auth/reset-password", body).code == "identity.bad_link"
    held_back = organization.add_student(email=None, username=f"{username}2")
    refused = organization.admin.post(f"/users/{held_back.id}/invite")
    assert (refused.status, refused.code) == (409, "identity.no_email")


def test_a_new_password_and_time_zone_come_together_and_end_the_other_logins(
    organization: Organization,
) -> None:
    student = organization.add_student(can_sign_in=True)
    here, there = student.api, sign_in(organization.url, student.email)
    zone = {"time_zone": "Asia/Tokyo"}
    wrong = here.patch(
        "/me",
        {**zone, "password": NEW_PASSWORD, "current_password": "not this one"},  # nosec B105 # made up for a test
    )
    assert (wrong.status, wrong.pointers) == (422, ["/current_password"])
    assert expect(200, here.get("/me"))["time_zone"] != "Asia/Tokyo"
    body = {**zone, "password": NEW_PASSWORD, "current_password": PASSWORD}
    assert expect(200, here.patch("/me", body))["time_zone"] == "Asia/Tokyo"
    assert here.get("/me").status == 200
    wait_until(lambda: there.get("/me").status == 401, 1, every=0.02)


def test_a_refresh_token_used_twice_ends_what_came_from_it(
    organization: Organization, anybody: Api
) -> None:
    first = organization.refresh_token
    second = expect(200, anybody.post("/auth/refresh", {"refresh_token": first}))
    newest = Api(organization.url, second["access_token"])
    assert newest.get("/me").status == 200
    reused = anybody.post("/auth/refresh", {"refresh_token": first})
    assert (reused.status, reused.code) == (401, "identity.bad_refresh_token")
    wait_until(lambda: newest.get("/me").status == 401, 1, every=0.02)
    body = {"refresh_token": second["refresh_token"]}
    assert anybody.post("/auth/refresh", body).status == 401
