"""Hands mails over to an SMTP server (RFC 5321), over one connection that is kept while there is something to send.

Blocks, so it must run in a thread of its own beside an event loop. Each dialogue has an end: a server that hangs, or
that sends a byte now and then, holds nobody up for longer than `seconds`.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from typing import Any
from urllib.parse import parse_qs

from chassis.addresses import ServerUrl
from chassis.mail.problems import NotNow, Refused, Unreachable

STARTTLS_POLICIES = ("auto", "required", "never")
PERMANENT = 500
ON_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where and how to connect. `starttls` is for connections that begin in clear."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    is_tls: bool = False
    starttls: str = "auto"
    ca_file: str | None = None
    seconds: float = 60.0

    def tls_context(self) -> ssl.SSLContext:
        """Certificates are always checked, against the system's authorities or `ca_file`."""
        return ssl.create_default_context(cafile=self.ca_file)

    @property
    def may_go_in_clear(self) -> bool:
        """Whether mail may be sent unencrypted to a server that offers nothing else."""
        if self.starttls == "auto":
            return not self.user or self.host in ON_THIS_MACHINE
        return self.starttls == "never"


def server_of(url: str, *, ca_file: str | None = None, seconds: float = 60.0) -> SmtpServer:
    """Reads `smtp[s]://[user:password@]host[:port][?starttls=auto|required|never]`; ValueError for anything else."""
    try:
        parts = ServerUrl.read(url)
    except ValueError as error:
        raise ValueError(f"SMTP_URL: {error}") from None
    if parts.scheme not in {"smtp", "smtps"} or len(parts.hosts) != 1 or parts.path.strip("/"):
        raise ValueError("SMTP_URL must be smtp[s]://user:password@host:port")
    (host,) = parts.hosts
    starttls = parse_qs(parts.query).get("starttls", ["auto"])[-1]
    if starttls not in STARTTLS_POLICIES:
        raise ValueError(f"starttls in SMTP_URL is one of {', '.join(STARTTLS_POLICIES)}")
    is_tls = parts.scheme == "smtps"
    return SmtpServer(
        host=host.name.lower(),
        port=host.port or (465 if is_tls else 587 if parts.user else 25),
        user=parts.user,
        password=parts.password,
        is_tls=is_tls,
        starttls=starttls,
        ca_file=ca_file,
        seconds=seconds,
    )


class Dialogue(smtplib.SMTP):
    """smtplib's client with one end for the whole dialogue instead of one for each read."""

    ends_at = float("inf")

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((host, port), self.seconds_left())

    def seconds_left(self) -> float:
        """Until the dialogue's end; TimeoutError when that has come."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server takes too long")
        return left

    def send(self, s: Any) -> None:
        """Called by smtplib."""
        if self.sock is not None:
            self.sock.settimeout(self.seconds_left())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Called by smtplib."""
        if self.sock is not None:
            self.sock.settimeout(self.seconds_left())
        return super().getreply()


class TlsDialogue(Dialogue):
    """As `Dialogue`, encrypted from the first byte."""

    tls: ssl.SSLContext

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.tls.wrap_socket(super()._get_socket(host, port, timeout), server_hostname=host)


class SmtpCarrier:
    """Sends one mail at a time. Not to be used by two threads at once."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._dialogue: Dialogue | None = None

    def deliver(self, mail_id: uuid.UUID, message: EmailMessage) -> None:
        """Returns when the server took the mail (250 after its text)."""
        was_open = self._dialogue is not None
        try:
            self._deliver(message)
        except _Stale as error:
            # The server closed the connection that was kept, before the mail began: not this mail's fault.
            self._drop()
            if not was_open:
                raise Unreachable(str(error)) from error
            with _as_unreachable():
                self._deliver(message)

    def _deliver(self, message: EmailMessage) -> None:
        ends_at = time.monotonic() + self._server.seconds
        dialogue = self._dialogue or self._connected(ends_at)
        dialogue.ends_at = ends_at
        self._dialogue = dialogue
        sender = message["From"].addresses[0].addr_spec
        recipient = message["To"].addresses[0].addr_spec
        options = options_for(dialogue, recipient)
        self._begin(dialogue, sender, options)
        self._name_recipient(dialogue, recipient)
        self._send_text(dialogue, message)

    def _connected(self, ends_at: float) -> Dialogue:
        server = self._server
        dialogue = TlsDialogue() if server.is_tls else Dialogue()
        if isinstance(dialogue, TlsDialogue):
            dialogue.tls = server.tls_context()
        dialogue.ends_at = ends_at
        try:
            self._open(dialogue)
        except (OSError, smtplib.SMTPException) as error:
            dialogue.close()
            raise Unreachable(words_of(error)) from error
        except Unreachable:
            dialogue.close()
            raise
        return dialogue

    def _open(self, dialogue: Dialogue) -> None:
        server = self._server
        code, words = dialogue.connect(server.host, server.port)
        if code != 220:
            raise Unreachable(f"{code} {words.decode(errors='replace')}")
        dialogue.ehlo_or_helo_if_needed()
        if not server.is_tls and server.starttls != "never":
            self._encrypt(dialogue)
        if server.user:
            dialogue.login(server.user, server.password)

    def _encrypt(self, dialogue: Dialogue) -> None:
        if dialogue.has_extn("starttls"):
            # smtplib's own name for it checks the host's name in the certificate.
            dialogue._host = self._server.host  # type: ignore[attr-defined]  # noqa: SLF001
            dialogue.starttls(context=self._server.tls_context())
            dialogue.ehlo()
        elif not self._server.may_go_in_clear:
            raise Unreachable("the server offers no STARTTLS")

    def _begin(self, dialogue: Dialogue, sender: str, options: list[str]) -> None:
        try:
            code, words = dialogue.mail(sender, options)
        except (OSError, smtplib.SMTPException) as error:
            raise _Stale(words_of(error)) from error
        if code == 421:
            raise _Stale(said(code, words))
        if code != 250:
            # The sender is the same for all mails, so this is about all of them.
            self._drop()
            raise Unreachable(said(code, words))

    def _name_recipient(self, dialogue: Dialogue, recipient: str) -> None:
        with self._broken_off():
            code, words = dialogue.rcpt(recipient)
            if code not in {250, 251}:
                self._start_over(dialogue, code)
                raise problem_of(code, words)

    def _send_text(self, dialogue: Dialogue, message: EmailMessage) -> None:
        with self._broken_off():
            try:
                code, words = dialogue.data(as_sent(message))
            except smtplib.SMTPDataError as error:
                code, words = error.smtp_code, as_bytes(error.smtp_error)
            if code != 250:
                self._start_over(dialogue, code)
                raise problem_of(code, words)

    def _start_over(self, dialogue: Dialogue, code: int) -> None:
        """Leaves the connection ready for the next mail, or none."""
        if code == 421:
            self._drop()
            return
        try:
            dialogue.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    @contextlib.contextmanager
    def _broken_off(self) -> Iterator[None]:
        """A connection that ends in the middle of a mail: whether the server has it, nobody knows."""
        try:
            yield
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise NotNow(words_of(error)) from error
        except UnicodeError as error:
            self._drop()
            raise Refused("the message can't be written") from error

    def rest(self) -> None:
        """Ends the connection: there is nothing to send for now."""
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            dialogue.ends_at = time.monotonic() + 2
            with contextlib.suppress(OSError, smtplib.SMTPException):
                dialogue.quit()
            dialogue.close()

    def _drop(self) -> None:
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            dialogue.close()


class _Stale(Exception):
    """The connection was of no use any more when the mail began."""


@contextlib.contextmanager
def _as_unreachable() -> Iterator[None]:
    try:
        yield
    except _Stale as error:
        raise Unreachable(str(error)) from error


def options_for(dialogue: Dialogue, recipient: str) -> list[str]:
    """What MAIL needs for this recipient. Refused when the server can't take such an address."""
    if recipient.isascii():
        return []
    if not dialogue.has_extn("smtputf8"):
        raise Refused("the server takes no address with such characters (SMTPUTF8)")
    return ["SMTPUTF8", "BODY=8BITMIME"]


def as_sent(message: EmailMessage) -> bytes:
    """The bytes of a message; with UTF-8 in its headers only when the recipient's address needs it."""
    needs_utf8 = not message["To"].addresses[0].addr_spec.isascii()
    return message.as_bytes(policy=SMTPUTF8 if needs_utf8 else SMTP)


def problem_of(code: int, words: bytes) -> Refused | NotNow:
    """A reply that is no yes: 5xx is for ever, everything else for now."""
    if code >= PERMANENT:
        return Refused(said(code, words))
    return NotNow(said(code, words))


def said(code: int, words: bytes) -> str:
    """A reply for people to read."""
    return f"{code} {words.decode(errors='replace')}"


def as_bytes(words: bytes | str) -> bytes:
    """Smtplib has both."""
    return words if isinstance(words, bytes) else words.encode()


def words_of(error: Exception) -> str:
    """What went wrong; never what was sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        return said(error.smtp_code, as_bytes(error.smtp_error))
    return f"{type(error).__name__}: {error}"
