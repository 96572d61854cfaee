"""The folder that a system under test writes its mails into, as a person reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from functools import cache
from pathlib import Path

from chassis.testing.waiting import wait_until

TOKEN = re.compile(r"https?://[^\s\"]+/(accept-invitation|reset-password)\?token=([\w=-]+)")


@dataclass(frozen=True)
class Mailbox:
    """All mails of a system."""

    folder: Path

    def all(self) -> list[EmailMessage]:
        """Every mail, oldest file first."""
        return [read(file) for file, _ in self._files()]

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to one address, oldest file first."""
        return [read(file) for file, written in self._files() if address in receiver(file, written)]

    def _files(self) -> list[tuple[Path, int]]:
        """Every file and when it was written, oldest first."""
        files = [(file, file.stat().st_mtime_ns) for file in self.folder.glob("*.eml")]
        return sorted(files, key=lambda found: found[1])

    def newest_to(self, address: str, *, count: int = 1) -> EmailMessage:
        """The newest of at least `count` mails to an address; waits for them."""
        return wait_until(lambda: self.to(address)[count - 1 :])[-1]

    def token_for(self, address: str, *, count: int = 1) -> str:
        """The token in the newest mail to an address."""
        return token_in(self.newest_to(address, count=count))


@cache
def receiver(file: Path, written: int) -> str:  # noqa: ARG001 - a file that is written anew is another
    """To whom a mail is. Read once: who waits for a mail looks again and again, among thousands of others."""
    return str(BytesHeaderParser(policy=policy.default).parsebytes(file.read_bytes())["To"])


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
