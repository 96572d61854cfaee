"""Hands mails over by writing each into a folder: for a developer's machine, and for tests."""

from __future__ import annotations

import os
import tempfile
import uuid
from email.message import EmailMessage
from pathlib import Path

from chassis.mail.problems import Refused, Unreachable


class FolderCarrier:
    """Writes `<id>.eml`. A mail that is handed over again is the same file, so a repeat does no harm."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, mail_id: uuid.UUID, message: EmailMessage) -> None:
        """Writes the whole file or none. It is on disk when this returns."""
        try:
            content = message.as_bytes()
        except (UnicodeError, ValueError) as error:
            raise Refused("the message can't be written") from error
        try:
            self._write(f"{mail_id}.eml", content)
        except OSError as error:
            raise Unreachable(f"the folder can't be written: {error.strerror}") from error

    def _write(self, name: str, content: bytes) -> None:
        # For the owner's eyes only: links are in there.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).rename(self._folder / name)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._sync()

    def _sync(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rest(self) -> None:
        """Nothing is kept open."""
