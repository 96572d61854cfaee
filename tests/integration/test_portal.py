"""The portal's pages on the whole system: real sign-ins, real mails, real refusals."""

from __future__ import annotations

import uuid

import pytest
import requests

from chassis.testing.mailbox import Mailbox
from gateway.browser import Browser

from .client import PASSWORD, Organization, expect, sign_in, sign_up
from .secrecy import SECRETS
from .system import RunningSystem

NEW_PASSWORD = "another long way to say it"  # nosec B105 # made up for a test


@pytest.fixture
def browser(shared_system: RunningSystem) -> Browser:
    return Browser(shared_system.url)


@pytest.fixture
def mailbox(shared_system: RunningSystem) -> Mailbox:
    return Mailbox(shared_system.run_dir / "mail")


def enter(browser: Browser, login: str, password: str = PASSWORD) -> requests.Response:
    """What the sign-in page answers."""
    browser.open("/sign-in")
    return browser.submit("/sign-in", {"login": login, "password": password})


def is_signed_in(browser: Browser) -> bool:
    return browser.open("/").status_code == 200


def set_password(browser: Browser, path: str, token: str, password: str) -> requests.Response:
    """Opens a mailed link and chooses a password."""
    # It may be in no log, although it comes in an address.
    SECRETS.learn({"token": token})
    assert browser.open(f"{path}?token={token}").status_code == 303
    browser.open(path)
    return browser.submit(path, {"password": password, "repeated": password})


def test_a_person_signs_in_and_out(organization: Organization, browser: Browser) -> None:
    student = organization.add_student(can_sign_in=True)
    assert enter(browser, student.email, "wrong password").status_code == 422
    assert not is_signed_in(browser)
    assert enter(browser, student.email).status_code == 303
    other_tab = Browser(browser.url)
    other_tab.cookies = dict(browser.cookies)
    page = browser.open("/")
    assert page.status_code == 200
    assert "Student" in page.text
    assert browser.submit("/sign-out", {}).headers["Location"] == "/sign-in"
    assert not is_signed_in(browser)
    assert not is_signed_in(other_tab)


def test_who_is_in_two_organizations_chooses(
    organization: Organization, shared_system: RunningSystem, browser: Browser
) -> None:
    other = sign_up(shared_system.url)
    email = f"both.{uuid.uuid4().hex}@example.org"
    for each in (organization, other):
        each.add_student(email=email, can_sign_in=True)
    page = enter(browser, email)
    assert "Choose an organization" in page.text
    slug = expect(200, other.admin.get("/organization"))["slug"]
    fields = {"login": email, "password": PASSWORD, "organization": slug}
    assert browser.submit("/choose-organization", fields).status_code == 303
    assert expect(200, other.admin.get("/organization"))["name"] in browser.open("/").text


def test_an_invited_person_accepts_and_later_forgets(
    organization: Organization, browser: Browser, mailbox: Mailbox
) -> None:
    student = organization.add_student()
    token = mailbox.token_for(student.email)
    assert set_password(browser, "/accept-invitation", token, "password").status_code == 422
    assert set_password(browser, "/accept-invitation", token, PASSWORD).status_code == 303
    assert is_signed_in(browser)
    again = Browser(browser.url)
    assert set_password(again, "/accept-invitation", token, PASSWORD).status_code == 410

    again.open("/forgot-password")
    assert again.submit("/forgot-password", {"login": student.email}).status_code == 200
    reset = mailbox.token_for(student.email, count=2)
    assert set_password(again, "/reset-password", reset, NEW_PASSWORD).status_code == 303
    sign_in(organization.url, student.email, NEW_PASSWORD)
    assert not is_signed_in(browser)
