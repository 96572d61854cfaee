"""Mails are not lost and not sent twice, whatever dies; one bad address stops no other; operators see what failed."""

from __future__ import annotations

import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from chassis.testing import ServiceProcess, wait_until
from chassis.testing.processes import free_port

from .conftest import PASSWORD, SETTINGS, Organization, email, sign_up
from .mailbox import Mailbox, token_in

COUNT = 200

pytestmark = pytest.mark.usefixtures("alone")


def people_held_back(organization: Organization, count: int) -> list[str]:
    names = {"first_name": "A", "last_name": "B", "role": "student"}
    addresses = [email() for _ in range(count)]
    people = [{**names, "email": address} for address in addresses]
    organization.service.call("upsert_users", actor=organization.actor(), people=people)
    return addresses


def statuses(service: ServiceProcess) -> dict[str, int]:
    return dict(service.sql("SELECT status, count(*) FROM mails GROUP BY status"))


def addresses_in(mails: list[EmailMessage]) -> Counter[str]:
    return Counter(mail["To"].addresses[0].addr_spec for mail in mails)


@pytest.mark.timeout(300)
def test_two_processes_share_200_mails_and_a_kill_loses_and_doubles_none(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mail")
    settings = {**SETTINGS, "MAIL_FOLDER": str(mailbox.folder)}
    with ServiceProcess("identity_service", copies=2, settings=settings) as service:
        organization = sign_up(service)
        addresses = people_held_back(organization, COUNT)
        answer = service.call("invite_users", actor=organization.actor(), seconds=20.0)
        assert answer["invited"] == COUNT
        wait_until(lambda: len(list(mailbox.folder.glob("*.eml"))) > 5, 30)
        service.kill()
        left = statuses(service)
        assert left.get("waiting", 0) > 0, "killed too late to show anything"
        service.start()
        wait_until(lambda: statuses(service) == {"sent": COUNT}, 120, every=0.2)
        assert addresses_in(mailbox.all()) == Counter(addresses)
        ids = Counter(mail["Message-ID"] for mail in mailbox.all())
        assert set(ids.values()) == {1}


class Inbox:
    """An SMTP server's hands: refuses one address for ever, another once, and keeps the rest."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.put_off = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("never"):
            return f"550 no {address} here"
        if address.startswith("later") and self.put_off == 0:
            self.put_off += 1
            return "451 not now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 taken"


@contextmanager
def listening(inbox: Inbox, port: int) -> Iterator[None]:
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop(no_assert=True)


@pytest.fixture(scope="module")
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def mailing(port: int) -> Iterator[ServiceProcess]:
    """Sends to a server that is not always there."""
    more = {
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
        "MAIL_FROM": "School <mail@example.org>",
        "MAIL_RETRY_SECONDS": "0.2",
        "PUBLIC_URL": "https://tandem.example/",
    }
    with ServiceProcess("identity_service", settings={**SETTINGS, **more}) as process:
        yield process


def command(service: ServiceProcess, *words: str) -> tuple[int, str]:
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        [sys.executable, "-m", "identity_service", "mails", *words],
        env={**os.environ, "DATABASE_URL": service.database.application},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_one_bad_address_stops_no_other_and_no_server_is_waited_for(
    mailing: ServiceProcess, inbox: Inbox, port: int
) -> None:
    organization = sign_up(mailing)
    never, later = (f"{word}.{uuid.uuid4().hex[:8]}@example.org" for word in ("never", "later"))
    good = [email() for _ in range(3)]
    for address in (never, later, *good):
        organization.add("student", email=address, send_invitation=True)
    wait_until(lambda: '"mail.not_taken"' in mailing.log())
    assert statuses(mailing) == {"waiting": 5}
    with listening(inbox, port):
        wait_until(lambda: statuses(mailing) == {"sent": 4, "failed": 1}, 30)
    assert addresses_in(inbox.taken) == Counter([later, *good])
    assert inbox.put_off == 1
    mail = inbox.taken[-1]
    assert mail["From"] == "School <mail@example.org>"
    assert "https://tandem.example/accept-invitation?token=" in str(mail.get_body(("plain",)))
    answer = mailing.call("accept_invitation", token=token_in(mail), password=PASSWORD)
    assert answer["user"]["status"] == "active"

    assert command(mailing, "status") == (1, "waiting: 0, oldest: 0 s, failed: 1\n")
    status, listed = command(mailing, "failed")
    assert status == 0
    assert "550 no (address) here" in listed
    assert never not in listed + mailing.log()
    assert command(mailing, "retry", str(uuid.uuid4()))[0] == 1
    assert command(mailing, "retry")[0] == 2
    mailing.sql(
        "UPDATE users SET email = replace(email, 'never', 'now') WHERE email = %s", (never,)
    )
    with listening(inbox, port):
        assert command(mailing, "retry", "all")[0] == 0
        wait_until(lambda: statuses(mailing) == {"sent": 5}, 30)
    assert command(mailing, "retry", "all")[0] == 1
    assert command(mailing, "status")[0] == 0


def test_a_mail_that_no_server_took_for_days_is_given_up(mailing: ServiceProcess) -> None:
    organization = sign_up(mailing)
    organization.add("student", send_invitation=True)
    mailing.sql(
        "UPDATE mails SET created_at = now() - interval '4 days', due_at = now() WHERE status = 'waiting'"
    )
    wait_until(lambda: statuses(mailing).get("failed") == 1, 90)
