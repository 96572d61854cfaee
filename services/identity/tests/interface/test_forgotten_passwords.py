"""Forgotten passwords: a link by mail, used once, and nothing that tells whether somebody is there."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chassis.errors import Forbidden, Invalid
from chassis.testing import ServiceProcess, wait_until

from .conftest import PASSWORD, Organization, email, sign_up
from .mailbox import Mailbox, text_of

NEW = "an entirely new secret"


def forgot(service: ServiceProcess, login: str, **more: Any) -> Any:
    return service.call("forgot_password", login=login, **more)


def reset(service: ServiceProcess, token: str, password: str = NEW, **more: Any) -> Any:
    return service.call("reset_password", token=token, password=password, **more)


def sign_in(service: ServiceProcess, login: str, password: str = PASSWORD, **more: Any) -> Any:
    return service.call("authenticate", login=login, password=password, **more)


def mails_of(organization: Organization) -> list[str]:
    statement = "SELECT kind FROM mails WHERE organization_id = %s ORDER BY created_at, kind"
    return [kind for (kind,) in organization.service.sql(statement, (str(organization.id),))]


def test_a_link_sets_a_new_password_and_ends_all_logins(
    organization: Organization, mailbox: Mailbox
) -> None:
    service, owner = organization.service, organization.owner
    assert forgot(service, owner["email"].upper()) == {}
    token = mailbox.token_for(owner["email"])
    assert reset(service, token) is None
    with pytest.raises(Forbidden):
        service.call("verify_token", access_token=organization.signed_up["access_token"])
    with pytest.raises(Forbidden):
        service.call("refresh", refresh_token=organization.signed_up["refresh_token"])
    with pytest.raises(Forbidden):
        sign_in(service, owner["email"])
    assert sign_in(service, owner["email"], NEW)["user"]["id"] == owner["id"]
    revoked = service.events("credentials_revoked")[-1]
    assert revoked.data == {"user_id": owner["id"], "login_id": None}


def test_a_notice_tells_that_the_password_was_changed(
    organization: Organization, mailbox: Mailbox
) -> None:
    owner = organization.owner
    forgot(organization.service, owner["email"])
    reset(organization.service, mailbox.token_for(owner["email"]))
    notice = mailbox.newest_to(owner["email"], count=2)
    assert "was changed" in notice["Subject"]
    assert "token=" not in text_of(notice)


def test_a_link_works_once_and_a_repeated_call_is_answered(
    organization: Organization, mailbox: Mailbox
) -> None:
    service, operation_id = organization.service, uuid.uuid4()
    forgot(service, organization.owner["email"])
    token = mailbox.token_for(organization.owner["email"])
    reset(service, token, operation_id=operation_id)
    reset(service, token, operation_id=operation_id)
    assert service.last_replayed
    with pytest.raises(Invalid) as refused:
        reset(service, token, "something else again")
    assert refused.value.code == "identity.bad_link"


def test_a_newer_link_and_a_new_password_end_the_older_link(
    organization: Organization, mailbox: Mailbox
) -> None:
    service, owner = organization.service, organization.owner
    forgot(service, owner["email"])
    first = mailbox.token_for(owner["email"])
    forgot(service, owner["email"])
    second = mailbox.token_for(owner["email"], count=2)
    service.call(
        "change_password", actor=organization.actor(), current_password=PASSWORD, password=NEW
    )
    for token in (first, second):
        with pytest.raises(Invalid) as refused:
            reset(service, token)
        assert refused.value.code == "identity.bad_link"


@pytest.mark.parametrize("who", ["unknown", "invited", "archived", "without an address"])
def test_the_answer_is_the_same_whoever_asks(organization: Organization, who: str) -> None:
    service, username = organization.service, "u" + uuid.uuid4().hex[:9]
    fields: dict[str, Any] = {"password": PASSWORD}
    if who == "invited":
        fields = {}
    if who == "without an address":
        fields |= {"email": None, "username": username}
    user = organization.add("student", **fields)
    if who == "archived":
        service.call("archive_user", actor=organization.actor(), user_id=user["id"])
    login = {"unknown": email(), "without an address": username}.get(who, user["email"])
    assert forgot(service, str(login)) == {}
    assert mails_of(organization) == []


def test_each_of_a_persons_organizations_sends_a_link_of_its_own(
    service: ServiceProcess, mailbox: Mailbox
) -> None:
    address = email()
    first, second = sign_up(service, email=address), sign_up(service, email=address)
    forgot(service, address)
    mailbox.newest_to(address, count=2)
    names = " ".join(mail["Subject"] for mail in mailbox.to(address))
    for organization in (first, second):
        assert organization.signed_up["organization"]["name"] in names
    chosen = sign_up(service, email=email())
    forgot(service, chosen.owner["email"], organization=first.slug)
    assert mails_of(chosen) == []


def test_nobody_can_fill_a_mailbox_or_keep_ending_the_newest_link(
    organization: Organization, mailbox: Mailbox
) -> None:
    for _ in range(6):
        assert forgot(organization.service, organization.owner["email"]) == {}
    wait_until(lambda: len(mailbox.to(organization.owner["email"])) == 3)
    assert mails_of(organization) == ["password_reset"] * 3
    token = mailbox.token_for(organization.owner["email"])
    reset(organization.service, token)


def test_a_repeated_request_mails_once(organization: Organization) -> None:
    operation_id = uuid.uuid4()
    for _ in range(2):
        forgot(organization.service, organization.owner["email"], operation_id=operation_id)
    assert organization.service.last_replayed
    assert mails_of(organization) == ["password_reset"]


@pytest.mark.parametrize(
    ("method", "arguments", "pointer"),
    [
        ("forgot_password", {"login": ""}, "/login"),
        ("forgot_password", {"login": 7}, "/login"),
        ("forgot_password", {"login": "a\x00b"}, "/login"),
        ("forgot_password", {"login": "a", "organization": "x" * 101}, "/organization"),
        ("forgot_password", {}, "/login"),
        ("reset_password", {"token": None, "password": NEW}, "/token"),  # nosec B105 # made up for a test
        ("reset_password", {"token": "x" * 201, "password": NEW}, "/token"),
        ("reset_password", {"token": "x", "password": "short"}, "/password"),  # nosec B105 # made up for a test
        ("reset_password", {"token": "x", "password": "x" * 129}, "/password"),  # nosec B105 # made up for a test
        ("accept_invitation", {"token": "x", "password": 12345678}, "/password"),  # nosec B105 # made up for a test
        ("accept_invitation", {"token": "x"}, "/password"),  # nosec B105 # made up for a test
        ("accept_invitation", {"token": "x", "password": NEW, "more": 1}, "/more"),  # nosec B105 # made up for a test
    ],
)
def test_the_field_that_is_wrong_is_named(
    service: ServiceProcess, method: str, arguments: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        service.call(method, **arguments)
    assert [error.pointer for error in refused.value.errors] == [pointer]
