"""Composes messages. Whatever a name contains, it stays in its place: no header can be added to a message by one.

A message that is composed again is the same, byte for byte: its identity, its date and its boundary come from the mail,
so that whoever gets it twice can tell.
"""

from __future__ import annotations

import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from chassis.mail.problems import Refused

MAX_HEADER = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be said to whom, as plain text and as HTML."""

    id: uuid.UUID
    written_at: datetime
    to_name: str
    to_address: str
    subject: str
    text: str
    html: str


def compose(letter: Letter, sender: str) -> EmailMessage:
    """The message. Refused when the address can't be written as one."""
    name, address = parseaddr(sender)
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{letter.id}@{address.rpartition('@')[2] or 'localhost'}>"
    message["Date"] = format_datetime(letter.written_at)
    message["From"] = Address(on_one_line(name), addr_spec=address)
    message["To"] = recipient(letter)
    message["Subject"] = on_one_line(letter.subject)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"={letter.id.hex}=")
    return message


def recipient(letter: Letter) -> Address:
    """To whom, with the domain in the form that every server takes (IDNA)."""
    local, _, domain = letter.to_address.rpartition("@")
    if not local:
        raise Refused("there is no address")
    try:
        return Address(on_one_line(letter.to_name), local, domain.encode("idna").decode("ascii"))
    except (ValueError, IndexError) as error:
        raise Refused("the address can't be written as one") from error


def on_one_line(text: str) -> str:
    """The text with each run of what ends lines, or can't be seen, as one space."""
    plain = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in text)
    return " ".join(plain.split())[:MAX_HEADER]
