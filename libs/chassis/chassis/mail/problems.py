"""Why a mail could not be handed over.

    MailProblem
    ├── Refused      this mail will never be taken: trying again is no use
    ├── NotNow       this mail was not taken, or nobody knows; another try may be
    └── Unreachable  no mail is taken at all: the server is down, or its settings are wrong

`reason` is kept and shown to operators: it holds no e-mail address.
"""

from __future__ import annotations

import re

MAX_REASON = 200
ADDRESS = re.compile(r"[^\s<>()\"',;:]*@[^\s<>()\"',;:]*")


class MailProblem(Exception):
    """Raise one of the three kinds, never this class."""

    def __init__(self, reason: str) -> None:
        self.reason = without_addresses(reason)[:MAX_REASON]
        super().__init__(self.reason)


class Refused(MailProblem):
    """This mail will never be taken."""


class NotNow(MailProblem):
    """This mail was not taken now."""


class Unreachable(MailProblem):
    """No mail is taken now."""


def without_addresses(text: str) -> str:
    """A server's words on one line, with what looks like an e-mail address taken out of them."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(ADDRESS.sub("(address)", plain).split())
