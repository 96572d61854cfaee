"""Mails that a system without a mail server writes into its run folder: tells the person at the terminal of each."""

from __future__ import annotations

import email
import email.policy
import os
import re
import stat
from pathlib import Path

LINK = re.compile(r"https?://\S+")

# More of a mail is not read: its text and links come first.
LARGEST = 1_000_000


class Mailbox:
    """Knows which mails were told of. Those that are there at the beginning are old."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told = set(self._names())

    def _names(self) -> list[str]:
        return [path.name for path in self._folder.glob("*.eml")]

    def news(self) -> list[str]:
        """A paragraph for each mail that has come since the last time, oldest first."""
        new = sorted(
            (self._folder / name for name in self._names() if name not in self._told),
            key=age_of,
        )
        self._told.update(path.name for path in new)
        return [told(path) for path in new]


def age_of(path: Path) -> int:
    """When the mail was written; 0 for one that was removed meanwhile."""
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


def told(path: Path) -> str:
    """To whom, about what, the links, and where the whole mail is; its place alone if it can't be read as a mail."""
    try:
        lines = summary(content_of(path))
    except Exception:  # noqa: BLE001 - the standard library's parser fails in many ways on what is no mail
        lines = ["A mail that can't be read"]
    return "\n  ".join(map(printable, [*lines, path]))


def summary(content: bytes) -> list[str]:
    """To whom, about what, and the links."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    text = message.get_body(preferencelist=("plain",))
    links = LINK.findall(text.get_content()) if text is not None else []
    return [f"Mail to {printable(message['To'])}: {printable(message['Subject'])}", *links]


def content_of(path: Path) -> bytes:
    """The beginning of a file. Nothing of a link, a pipe or a device: the account that writes there is not trusted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, LARGEST) if is_file else b""
    finally:
        os.close(descriptor)


def printable(text: object) -> str:
    """The text without what would steer a terminal: names in a mail are other people's words."""
    return "".join(c if c.isprintable() else " " for c in str(text or ""))
