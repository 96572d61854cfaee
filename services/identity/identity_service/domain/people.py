"""Rules of people: roles, how e-mail addresses and usernames compare, who may change whose roles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

ROLES = ("owner", "admin", "instructor", "student")
STATUSES = ("invited", "active", "archived")
MANAGERS = frozenset({"owner", "admin"})

MAX_EMAIL = 254
EMAIL = re.compile(
    r"[^@\s<>(),;:\\\"\[\]]{1,64}@(?:[^@\s<>(),;:\\\"\[\].]{1,63}\.)+[^@\s<>(),;:\\\"\[\].]{2,63}"
)


def normalized_email(text: str) -> str:
    """The form in which addresses are stored and compared.

    The local part is folded too: no provider that people use tells `Anna@` from `anna@`, and two accounts for one
    mailbox would be worse.
    """
    return unicodedata.normalize("NFKC", text.strip()).lower()


def is_email(text: str) -> bool:
    """Whether `text`, already normalized, looks like an address (one `@`, a dotted domain, no spaces)."""
    return len(text) <= MAX_EMAIL and EMAIL.fullmatch(text) is not None


def username_key(username: str) -> str:
    """What makes two usernames the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())


def is_username(text: str) -> bool:
    """A username has no `@`, so that a login is never both, and no spaces."""
    return 1 <= len(text) <= 64 and not re.search(r"[@\s]", unicodedata.normalize("NFKC", text))


def ordered_roles(roles: Iterable[str]) -> list[str]:
    """Each role once, highest first."""
    held = set(roles)
    return [role for role in ROLES if role in held]


def is_reachable(person: Mapping[str, Any]) -> bool:
    """A person needs something to be found by: an e-mail address, a username or an external id."""
    return any(person.get(field) for field in ("email", "username", "external_id"))


def touches_owner(before: Collection[str], after: Collection[str]) -> bool:
    """Whether a change of roles gives or takes ownership."""
    return ("owner" in before) != ("owner" in after)


def status_of(*, has_password: bool) -> str:
    """The status of a person who is not archived."""
    return "active" if has_password else "invited"
