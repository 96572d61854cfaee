"""Handing mails over to a real SMTP server (aiosmtpd) that takes, refuses, puts off, hangs up or hangs."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chassis.mail.message import Letter, compose
from chassis.mail.problems import MailProblem, NotNow, Refused, Unreachable
from chassis.mail.smtp import SmtpCarrier, SmtpServer, server_of
from chassis.testing.processes import free_port


def letter(address: str = "ada@example.org") -> Letter:
    now = dt.datetime(2030, 1, 2, tzinfo=dt.UTC)
    return Letter(uuid.uuid4(), now, "Ada Byron", address, "Hellö", "Tëxt\n", "<p>Tëxt</p>\n")


class Inbox:
    """aiosmtpd's handler: keeps what it takes; `answers` says what it says instead to a recipient or a text."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.at_recipient: Callable[[str], str | None] = lambda _: None
        self.at_text: Callable[[int], str | None] = lambda _: None
        self.texts = 0
        self.connections = 0

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if answer := self.at_recipient(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.texts += 1
        answer = self.at_text(self.texts)
        if answer == "hang up":
            server.transport.close()
            return "421 gone"
        if answer == "hang":
            await asyncio.sleep(30)
        if answer:
            return answer
        self.taken.append(envelope.content)
        return "250 taken"


@contextmanager
def running(inbox: Inbox, **options: Any) -> Iterator[Controller]:
    options = {"enable_SMTPUTF8": False, **options}
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller
    finally:
        controller.stop(no_assert=True)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def server(inbox: Inbox) -> Iterator[SmtpServer]:
    with running(inbox) as controller:
        yield SmtpServer("127.0.0.1", controller.port, seconds=10)


def deliver(carrier: SmtpCarrier, address: str = "ada@example.org") -> None:
    wanted = letter(address)
    carrier.deliver(wanted.id, compose(wanted, "Tandem <no-reply@example.org>"))


@pytest.fixture
def carrier(server: SmtpServer) -> Iterator[SmtpCarrier]:
    found = SmtpCarrier(server)
    yield found
    found.rest()


def test_many_mails_go_over_one_connection(carrier: SmtpCarrier, inbox: Inbox) -> None:
    for _ in range(5):
        deliver(carrier)
    assert len(inbox.taken) == 5
    assert inbox.connections == 1
    assert b"\r\nSubject: =?utf-8?" in inbox.taken[0]


def test_after_a_rest_there_is_a_new_connection(carrier: SmtpCarrier, inbox: Inbox) -> None:
    deliver(carrier)
    carrier.rest()
    deliver(carrier)
    assert inbox.connections == 2


def test_a_refused_recipient_stops_no_other(carrier: SmtpCarrier, inbox: Inbox) -> None:
    inbox.at_recipient = lambda address: (
        "550 no <bad@example.org> here" if "bad" in address else None
    )
    deliver(carrier)
    with pytest.raises(Refused) as refused:
        deliver(carrier, "bad@example.org")
    assert refused.value.reason == "550 no <(address)> here"
    deliver(carrier)
    assert len(inbox.taken) == 2


@pytest.mark.parametrize("at", ["recipient", "text"])
def test_what_is_put_off_can_be_sent_later(carrier: SmtpCarrier, inbox: Inbox, at: str) -> None:
    answers = iter(["451 later"])
    if at == "recipient":
        inbox.at_recipient = lambda _: next(answers, None)
    else:
        inbox.at_text = lambda _: next(answers, None)
    with pytest.raises(NotNow, match="451 later"):
        deliver(carrier)
    deliver(carrier)
    assert len(inbox.taken) == 1


def test_a_refused_text_is_refused_for_ever(carrier: SmtpCarrier, inbox: Inbox) -> None:
    inbox.at_text = lambda _: "554 spam"
    with pytest.raises(Refused, match="554 spam"):
        deliver(carrier)


def test_a_connection_lost_after_the_text_leaves_it_open_who_has_the_mail(
    carrier: SmtpCarrier, inbox: Inbox
) -> None:
    inbox.at_text = lambda count: "hang up" if count == 1 else None
    with pytest.raises(NotNow):
        deliver(carrier)
    deliver(carrier)
    assert len(inbox.taken) == 1


def test_a_server_that_hangs_up_between_mails_is_asked_again(inbox: Inbox) -> None:
    with running(inbox) as controller:
        carrier = SmtpCarrier(SmtpServer("127.0.0.1", controller.port, seconds=10))
        deliver(carrier)
        port = controller.port
    again = Controller(inbox, hostname="127.0.0.1", port=port)
    again.start()
    try:
        deliver(carrier)
    finally:
        carrier.rest()
        again.stop(no_assert=True)
    assert len(inbox.taken) == 2


def test_a_server_that_hangs_holds_nobody_up_for_long(inbox: Inbox) -> None:
    inbox.at_text = lambda _: "hang"
    with running(inbox) as controller:
        carrier = SmtpCarrier(SmtpServer("127.0.0.1", controller.port, seconds=1))
        started = time.monotonic()
        with pytest.raises(NotNow):
            deliver(carrier)
    assert time.monotonic() - started < 15


def test_no_server_at_all_is_no_mails_fault() -> None:
    with pytest.raises(Unreachable):
        deliver(SmtpCarrier(SmtpServer("127.0.0.1", free_port(), seconds=5)))


def test_an_address_with_an_umlaut_needs_a_server_that_takes_it(
    carrier: SmtpCarrier, inbox: Inbox
) -> None:
    with pytest.raises(Refused, match="SMTPUTF8"):
        deliver(carrier, "zoë@example.org")
    deliver(carrier, "zoe@bücher.example")
    assert b"zoe@xn--bcher-kva.example" in inbox.taken[0]
    with running(inbox, enable_SMTPUTF8=True) as controller:
        other = SmtpCarrier(SmtpServer("127.0.0.1", controller.port, seconds=10))
        deliver(other, "zoë@example.org")
        other.rest()
    assert "zoë@example.org".encode() in inbox.taken[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-made certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / "crt.pem", folder / "key.pem"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return crt, pem


def tls_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certificate))
    return context


@pytest.fixture
def encrypted(inbox: Inbox, certificate: tuple[Path, Path]) -> Iterator[Controller]:
    """Wants STARTTLS and AUTH, like a provider's server."""

    def is_known(
        server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        given = isinstance(data, LoginPassword) and (data.login, data.password)
        return AuthResult(success=given == (b"us@example.org", b"a/secret"))

    options = {"auth_required": True, "require_starttls": True, "authenticator": is_known}
    with running(inbox, tls_context=tls_context(certificate), **options) as controller:
        yield controller


def test_starttls_and_sign_in(
    encrypted: Controller, inbox: Inbox, certificate: tuple[Path, Path]
) -> None:
    url = f"smtp://us%40example.org:a%2Fsecret@127.0.0.1:{encrypted.port}?starttls=required"
    carrier = SmtpCarrier(server_of(url, ca_file=str(certificate[0]), seconds=10))
    deliver(carrier)
    carrier.rest()
    assert len(inbox.taken) == 1


@pytest.mark.parametrize("wrong", ["password", "certificate"])
def test_a_wrong_password_or_certificate_is_no_mails_fault(
    encrypted: Controller, inbox: Inbox, certificate: tuple[Path, Path], wrong: str
) -> None:
    password = "wrong" if wrong == "password" else "a%2Fsecret"  # nosec B105 # made up for a test
    ca_file = None if wrong == "certificate" else str(certificate[0])
    url = f"smtp://us%40example.org:{password}@127.0.0.1:{encrypted.port}"
    with pytest.raises(Unreachable) as refused:
        deliver(SmtpCarrier(server_of(url, ca_file=ca_file, seconds=2)))
    assert "secret" not in refused.value.reason
    assert inbox.taken == []


def test_a_server_without_starttls_is_refused_where_that_is_required(server: SmtpServer) -> None:
    strict = SmtpServer(server.host, server.port, starttls="required", seconds=5)
    with pytest.raises(Unreachable, match="STARTTLS"):
        deliver(SmtpCarrier(strict))


def test_encrypted_from_the_first_byte(inbox: Inbox, certificate: tuple[Path, Path]) -> None:
    with running(inbox, ssl_context=tls_context(certificate)) as controller:
        url = f"smtps://127.0.0.1:{controller.port}"
        carrier = SmtpCarrier(server_of(url, ca_file=str(certificate[0]), seconds=10))
        deliver(carrier)
        carrier.rest()
    assert len(inbox.taken) == 1


@pytest.mark.parametrize(
    "url", ["http://host", "smtp://", "smtp://host/path", "smtp://host?starttls=maybe", "host:25"]
)
def test_an_address_that_is_none_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP_URL"):
        server_of(url)


def test_a_password_is_not_shown_by_accident() -> None:
    assert "hidden" not in repr(server_of("smtp://user:hidden@host"))
    assert issubclass(Refused, MailProblem)
