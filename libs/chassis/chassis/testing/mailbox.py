"""The folder that a system under test writes its mails into, as a person reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from chassis.testing.waiting import wait_until

TOKEN = re.compile(r"https?://[^\s\"]+/(accept-invitation|reset-password)\?token=([\w=-]+)")


@dataclass(frozen=True)
class Mailbox:
    """All mails of a system."""

    folder: Path

    def all(self) -> list[EmailMessage]:
        """Every mail, oldest file first."""
        files = sorted(self.folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        return [read(file) for file in files]

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to one address."""
        return [mail for mail in self.all() if address in str(mail["To"])]

    def newest_to(self, address: str, *, count: int = 1) -> EmailMessage:
        """The newest of at least `count` mails to an address; waits for them."""
        return wait_until(lambda: self.to(address)[count - 1 :])[-1]

    def token_for(self, address: str, *, count: int = 1) -> str:
        """The token in the newest mail to an address."""
        return token_in(self.newest_to(address, count=count))


def read(file: Path) -> EmailMessage:
    """One file."""
    message = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
    if not isinstance(message, EmailMessage):
        raise AssertionError(f"no mail: {file}")
    return message


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The words of a mail."""
    part = mail.get_body((kind,))
    if part is None:
        raise AssertionError(f"a mail without {kind} text")
    return str(part.get_content())


def token_in(mail: EmailMessage) -> str:
    """The token of the link in a mail."""
    found = TOKEN.search(text_of(mail))
    if found is None:
        raise AssertionError(f"a mail without a link: {text_of(mail)}")
    return found[2]
