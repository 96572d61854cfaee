"""Where mail goes, from environment variables."""

from __future__ import annotations

import uuid
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol

from environs import Env

from chassis.mail.folder import FolderCarrier
from chassis.mail.smtp import SmtpCarrier, server_of


class Carrier(Protocol):
    """Takes mails one at a time, in one thread."""

    def deliver(self, mail_id: uuid.UUID, message: EmailMessage) -> None:
        """Returns when it is handed over; raises a MailProblem."""

    def rest(self) -> None:
        """There is nothing to hand over for now."""


def load_carrier(env: Env) -> Carrier | None:
    """The server that `SMTP_URL` names, else the folder that `MAIL_FOLDER` names, else None: mails wait."""
    if url := env.str("SMTP_URL", ""):
        ca_file = env.str("SMTP_CA_FILE", "") or None
        return SmtpCarrier(server_of(url, ca_file=ca_file, seconds=env.float("SMTP_SECONDS", 60.0)))
    if folder := env.str("MAIL_FOLDER", ""):
        return FolderCarrier(Path(folder))
    return None


def load_sender(env: Env) -> str:
    """The address that mails come from."""
    sender = env.str("MAIL_FROM", "Tandem <no-reply@localhost>")
    if "@" not in parseaddr(sender)[1]:
        raise ValueError("MAIL_FROM must be an e-mail address")
    return sender
