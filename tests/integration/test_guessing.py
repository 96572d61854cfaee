"""Guessing passwords, logins and links: slowed down, told nothing, and nobody else is locked out by it."""

from __future__ import annotations

import base64
import re
import statistics
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Any

import pytest

from chassis.testing import wait_until
from chassis.testing.mailbox import Mailbox, text_of

from .client import PASSWORD, Answer, Api, Organization, Person, expect, sign_in, sign_up
from .secrecy import SECRETS
from .system import RunningSystem

HOME, OFFICE = "198.51.100.7", "198.51.100.8"
ATTACKERS = [f"192.0.2.{number}" for number in range(1, 13)]
GUESSES_EACH = 25
NOBODY = "nobody.knows.them"
TOO_MANY = "identity.too_many_attempts"
PAIRS = 24
ROUNDS = 4


@pytest.fixture(scope="module")
def home(shared_system: RunningSystem) -> Organization:
    """The organization whose people are looked for."""
    return sign_up(shared_system.url)


def log_in(url: str, login: str, password: str, address: str = "", **more: Any) -> Answer:
    """An attempt, from an address."""
    headers = {"X-Forwarded-For": address} if address else {}
    body = {"login": login, "password": password, **more}
    return Api(url).post("/auth/login", body, headers=headers)


# Many attempts


def test_many_wrong_passwords_lock_nobody_out(guarded_system: RunningSystem) -> None:
    url = guarded_system.url
    organization = sign_up(url)
    owner = organization.owner.email
    colleague = organization.add_instructor(can_sign_in=True)
    expect(200, log_in(url, owner, PASSWORD, HOME))

    def guess(address: str) -> list[Answer]:
        return [log_in(url, owner, f"wrong guess {n}", address) for n in range(GUESSES_EACH)]

    with ThreadPoolExecutor(4) as attackers:
        answers = [answer for each in attackers.map(guess, ATTACKERS) for answer in each]
    told = Counter(answer.status for answer in answers)
    assert set(told) == {401, 429}
    assert told[429] > told[401]
    for answer in answers:
        if answer.status == 429:
            assert answer.code == TOO_MANY
            assert int(answer.headers["Retry-After"]) >= 1
    expect(200, log_in(url, owner, PASSWORD, HOME))
    expect(200, log_in(url, colleague.email, PASSWORD, OFFICE))


def test_who_is_slowed_down_is_not_told_that_a_guess_was_right(
    guarded_system: RunningSystem,
) -> None:
    url = guarded_system.url
    owner = sign_up(url).owner.email
    address = "203.0.113.50"
    wait_until(lambda: log_in(url, owner, "a wrong guess", address).status == 429, 60)
    right, wrong = (log_in(url, owner, guess, address) for guess in (PASSWORD, "a wrong guess"))
    assert (right.status, right.code) == (wrong.status, wrong.code) == (429, TOO_MANY)


def test_a_login_that_nobody_has_is_slowed_down_like_one_that_somebody_has(
    guarded_system: RunningSystem,
) -> None:
    url = guarded_system.url
    logins = {"203.0.113.60": sign_up(url).owner.email, "203.0.113.61": f"{NOBODY}@example.org"}
    statuses = {
        address: [log_in(url, login, "a wrong guess", address).status for _ in range(30)]
        for address, login in logins.items()
    }
    refused = [found.count(401) for found in statuses.values()]
    # One attempt comes back every five seconds, and the machine may be slow.
    assert all(20 <= count < 30 for count in refused), refused
    assert abs(refused[0] - refused[1]) <= 5


# Who is there


def kinds_of_people(home: Organization) -> dict[str, str]:
    """Logins that exist, one way or another."""
    archived = home.add_person("student", can_sign_in=True)
    expect(200, home.admin.post(f"/users/{archived.id}/archive"))
    username = f"user{uuid.uuid4().hex[:8]}"
    expect(
        201,
        home.admin.post(
            "/users",
            {
                "roles": ["student"],
                "first_name": "No",
                "last_name": "Mail",
                "username": username,
                "password": PASSWORD,
            },
        ),
    )
    return {
        "active": home.owner.email,
        "invited": home.add_person("student").email,
        "archived": archived.email,
        "username": username,
    }


def without_ids(answer: Answer) -> tuple[int, Any, list[str]]:
    """What an answer says, and the names of its headers."""
    return answer.status, answer.body, sorted(name.lower() for name in answer.headers)


def test_whether_somebody_is_there_is_in_no_answer(home: Organization) -> None:
    anybody = Api(home.url)
    people = kinds_of_people(home)
    unknown = f"{NOBODY}.{uuid.uuid4().hex}@example.org"
    asked: dict[str, Callable[[str], Answer]] = {
        "login": lambda login: log_in(home.url, login, "a wrong guess"),
        "in the organization": lambda login: log_in(
            home.url, login, "a wrong guess", organization=home.slug
        ),
        "forgotten": lambda login: anybody.post("/auth/forgot-password", {"login": login}),
    }
    for name, ask in asked.items():
        nobody = without_ids(ask(unknown))
        for kind, login in people.items():
            assert without_ids(ask(login)) == nobody, f"{name}: {kind}"


def test_an_address_that_is_known_elsewhere_can_be_used_as_if_it_were_new(
    home: Organization, url: str
) -> None:
    other = sign_up(url)
    known = home.add_person("student").email
    assert other.add_person("student", email=known).id
    owner = {"first_name": "O", "last_name": "O", "email": home.owner.email, "password": PASSWORD}
    body = {"name": "Elsewhere", "time_zone": "UTC", "owner": owner}
    expect(201, Api(url).post("/organizations", body))


def test_how_long_a_refusal_takes_does_not_tell_whether_somebody_is_there(
    mistreated_system: RunningSystem,
) -> None:
    """Where a hash costs what it costs people."""
    mistreated_system.run_with()
    people = kinds_of_people(sign_up(mistreated_system.url))
    unknown = f"{NOBODY}.{uuid.uuid4().hex}@example.org"
    for kind, login in people.items():
        assert any(takes_as_long(mistreated_system.url, login, unknown) for _ in range(ROUNDS)), (
            kind
        )


def takes_as_long(url: str, login: str, unknown: str) -> bool:
    """Whether many attempts in turn don't tell two logins apart: neither is slower nearly each time, or by much."""
    pairs = [
        [log_in(url, one, "a wrong guess").seconds for one in (login, unknown)]
        for _ in range(PAIRS)
    ]
    slower = sum(known > other for known, other in pairs) / len(pairs)
    known, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return 0.2 <= slower <= 0.8 or abs(known - other) < 0.05 * other


# Links


@pytest.fixture
def invited(home: Organization) -> Person:
    """Somebody who has been sent an invitation."""
    return home.add_person("student", send_invitation=True)


def mails_to(system: RunningSystem, address: str) -> list[EmailMessage]:
    """What was sent to an address, oldest first."""
    return Mailbox(system.run_dir / "mail").to(address)


def link_in(system: RunningSystem, address: str, path: str) -> tuple[str, str]:
    """The link to `path` in a mail, and its token."""

    def found() -> re.Match[str] | None:
        texts = [text_of(mail) for mail in mails_to(system, address)]
        return re.search(rf"(\S*/{path})\?token=(\S+)", "\n".join(texts))

    match = wait_until(found, 20)
    SECRETS.learn({"token": match[2]})
    return match[1], match[2]


def test_an_invitation_whose_token_was_changed_in_any_bit_is_refused(
    shared_system: RunningSystem, invited: Person
) -> None:
    _, token = link_in(shared_system, invited.email, "accept-invitation")
    anybody = Api(shared_system.url)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        forged = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        answer = anybody.post("/auth/accept-invitation", {"token": forged, "password": PASSWORD})
        assert (answer.status, answer.code) == (422, "identity.bad_link"), bit
    expect(200, anybody.post("/auth/accept-invitation", {"token": token, "password": PASSWORD}))


def test_a_link_works_once_and_for_its_own_purpose(
    shared_system: RunningSystem, invited: Person
) -> None:
    _, token = link_in(shared_system, invited.email, "accept-invitation")
    anybody = Api(shared_system.url)
    body = {"token": token, "password": PASSWORD}
    said = [anybody.post("/auth/reset-password", body)]
    expect(200, anybody.post("/auth/accept-invitation", body))
    said.append(anybody.post("/auth/accept-invitation", body))
    said.append(anybody.post("/auth/accept-invitation", body | {"token": "x" * len(token)}))
    assert {(one.status, one.code) for one in said} == {(422, "identity.bad_link")}
    assert len({str(one.body) for one in said}) == 1
    assert sign_in(shared_system.url, invited.email).get("/me").status == 200


def test_a_mailed_link_leads_to_us_whatever_the_request_says_of_the_host(
    shared_system: RunningSystem, url: str
) -> None:
    owner = sign_up(url).owner
    names = ("Host", "X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL")
    headers = dict.fromkeys(names, "evil.example") | {"Forwarded": "host=evil.example"}
    asked = Api(url).post("/auth/forgot-password", {"login": owner.email}, headers=headers)
    expect(202, asked)
    address, _ = link_in(shared_system, owner.email, "reset-password")
    assert address.startswith(url)
    assert all("evil" not in mail.as_string() for mail in mails_to(shared_system, owner.email))


NAMES = ["Eve\r\nBcc: all@example.org", "Eve\nSubject: hello", "<script>alert(1)</script>"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_adds_anything_to_a_mail(
    shared_system: RunningSystem, home: Organization, name: str
) -> None:
    address = f"named.{uuid.uuid4().hex}@example.org"
    names = {"first_name": name, "last_name": name, "email": address}
    made = home.admin.post("/users", {"roles": ["student"], "send_invitation": True, **names})
    if made.status == 422:
        assert set(made.pointers) == {"/first_name", "/last_name"}
        return
    expect(201, made)
    link_in(shared_system, address, "accept-invitation")
    (mail,) = mails_to(shared_system, address)
    assert mail["Bcc"] is None
    assert len(mail.get_all("Subject", [])) == 1
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()


def test_a_reset_link_ends_all_logins_and_a_forgotten_password_alone_ends_none(
    shared_system: RunningSystem, url: str
) -> None:
    organization = sign_up(url)
    owner = organization.owner.email
    expect(202, Api(url).post("/auth/forgot-password", {"login": owner}))
    _, token = link_in(shared_system, owner, "reset-password")
    expect(200, organization.admin.get("/me"))
    new = "something entirely else 4"
    expect(204, Api(url).post("/auth/reset-password", {"token": token, "password": new}))
    wait_until(lambda: organization.admin.get("/me").status == 401, 2)
    expect(401, log_in(url, owner, PASSWORD))
    expect(200, log_in(url, owner, new))


@pytest.mark.parametrize("password", ["password", "12345678", "tandem", "x" * 129, "        "])
def test_a_link_takes_no_bad_password_and_stays_good(
    shared_system: RunningSystem, invited: Person, password: str
) -> None:
    _, token = link_in(shared_system, invited.email, "accept-invitation")
    anybody = Api(shared_system.url)
    refused = anybody.post("/auth/accept-invitation", {"token": token, "password": password})
    expect(422, refused)
    assert refused.pointers == ["/password"]
    expect(200, anybody.post("/auth/accept-invitation", {"token": token, "password": PASSWORD}))
