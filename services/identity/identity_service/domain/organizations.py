"""Rules of organizations: how a name becomes a slug."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

CONFLICT_POLICIES = ("block", "warn")
STUDENTS_MAY_BOOK = ("no", "request", "yes")
SLUG_LENGTH = 48


def slug_of(name: str) -> str:
    """Lower-case ASCII letters and digits with single dashes; `organization` when nothing of that is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LENGTH].strip("-")
    return slug or "organization"


def slug_candidates(name: str, random_suffix: str) -> Iterator[str]:
    """What to try in turn until one is free: plain, with a small number, with a random end."""
    slug = slug_of(name)
    yield slug
    for number in range(2, 6):
        yield f"{slug}-{number}"
    yield f"{slug}-{random_suffix}"
