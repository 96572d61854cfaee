"""Weak passwords are refused wherever one is set."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chassis.errors import Invalid
from chassis.testing import ServiceProcess

from .conftest import PASSWORD, Organization, email, sign_up
from .mailbox import Mailbox

WEAK = ["password", "12345678", "QWERTYUIOP", "iloveyou1"]


def refused(service: ServiceProcess, method: str, **arguments: Any) -> tuple[str, list[str]]:
    with pytest.raises(Invalid) as error:
        service.call(method, **arguments)
    return error.value.code, [one.pointer for one in error.value.errors]


@pytest.mark.parametrize("weak", [*WEAK, "lighthouse", "Lighthouse2024!", "olgaowner", "tandem123"])
def test_at_the_sign_up(service: ServiceProcess, weak: str) -> None:
    owner = {
        "first_name": "Olga",
        "last_name": "Owner",
        "email": "lantern@example.org",
        "password": weak,
    }
    found = refused(service, "create_organization", name="Lighthouse", time_zone="UTC", owner=owner)
    assert found == ("identity.weak_password", ["/owner/password"])


@pytest.mark.parametrize("weak", [*WEAK, "lovelace", "countess99"])
def test_for_a_new_person(organization: Organization, weak: str) -> None:
    found = refused(
        organization.service,
        "create_user",
        actor=organization.actor(),
        roles=["student"],
        first_name="Ada",
        last_name="Lovelace",
        email=email(),
        username="countess",
        password=weak,
    )
    assert found == ("identity.weak_password", ["/password"])


def test_by_change_of_password(organization: Organization) -> None:
    for weak in (*WEAK, organization.owner["email"]):
        found = refused(
            organization.service,
            "change_password",
            actor=organization.actor(),
            current_password=PASSWORD,
            password=weak,
        )
        assert found == ("identity.weak_password", ["/password"])


def test_by_invitation_and_reset_whose_links_go_on_working(
    organization: Organization, mailbox: Mailbox
) -> None:
    service = organization.service
    person = organization.add("student", send_invitation=True)
    invitation = mailbox.token_for(person["email"])
    weak = organization.signed_up["organization"]["name"].replace(" ", "")
    for password in (*WEAK, weak):
        found = refused(service, "accept_invitation", token=invitation, password=password)
        assert found == ("identity.weak_password", ["/password"])
    service.call("accept_invitation", token=invitation, password=PASSWORD)
    service.call("forgot_password", login=person["email"])
    reset = mailbox.token_for(person["email"], count=2)
    found = refused(service, "reset_password", token=reset, password=WEAK[0])
    assert found == ("identity.weak_password", ["/password"])
    service.call("reset_password", token=reset, password=PASSWORD + "!")


@pytest.mark.parametrize(
    "password",
    [
        "        x",
        "пароль и ключ",
        "🐎🐎🐎🐎🔋🔋🔋🔋",
        "ab " * 42 + "cd",
        "no upper case 1",
        " trailing ",
    ],
)
def test_any_characters_do_and_none_is_cut_off(service: ServiceProcess, password: str) -> None:
    organization = sign_up(service, password=password)
    login = {"login": organization.owner["email"]}
    assert service.call("authenticate", **login, password=password)
    for other in (password[:-1], password.strip() + "!", password + " "):
        with pytest.raises(Exception, match="bad_credentials"):
            service.call("authenticate", **login, password=other)


def test_two_keyboards_spell_one_password(service: ServiceProcess) -> None:
    organization = sign_up(service, password="Crème bru\u0302le\u0301e \ufb01ne")  # nosec B106 # made up for a test
    name = organization.owner["email"]
    assert service.call("authenticate", login=name, password="Cr\u00e8me br\u00fbl\u00e9e fine")  # nosec B106 # made up for a test


def test_no_password_is_in_the_log(service: ServiceProcess) -> None:
    secret = f"unheard of {uuid.uuid4().hex}"
    sign_up(service, password=secret)
    assert secret not in service.log()
