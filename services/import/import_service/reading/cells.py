"""What one cell says."""

from __future__ import annotations

import re
from typing import Final

from chassis.characters import UNWANTED_IN_A_LINE, has_stacked_accents

# A spreadsheet runs a cell that starts with one of these as a formula (OWASP, CSV Injection).
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
GUARD: Final = "'"

SEPARATORS: Final = re.compile(r"[;,|\r\n]+")

ROLES: Final = {
    "student": "student",
    "students": "student",
    "pupil": "student",
    "pupils": "student",
    "learner": "student",
    "learners": "student",
    "instructor": "instructor",
    "instructors": "instructor",
    "teacher": "instructor",
    "teachers": "instructor",
    "tutor": "instructor",
    "tutors": "instructor",
    "admin": "admin",
    "admins": "admin",
    "administrator": "admin",
    "administrators": "admin",
}


def guarded(cell: str) -> str:
    """The cell for a file that a spreadsheet will open: never a formula. `unguarded` takes it back."""
    return GUARD + cell if cell.startswith(FORMULA_STARTS) else cell


def unguarded(cell: str) -> str:
    """The cell without the guard that `guarded` (or a person) put before it."""
    if cell.startswith(GUARD) and cell[1:].startswith(FORMULA_STARTS):
        return cell[1:]
    return cell


def value_of(cell: str) -> str:
    """The cell's content as it is meant."""
    return unguarded(cell.strip(" ")).strip()


def names_in(cell: str) -> list[str]:
    """The people that a list cell names, each once, in order."""
    names = (value_of(part) for part in SEPARATORS.split(value_of(cell)))
    return list(dict.fromkeys(name for name in names if name))


def is_plain(text: str) -> bool:
    """Whether the text is one line, without control characters or piles of accents."""
    return not UNWANTED_IN_A_LINE.search(text) and not has_stacked_accents(text)
