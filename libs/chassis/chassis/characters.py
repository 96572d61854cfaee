"""Which characters a text may hold, for fields, files and forms alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

# Control characters, DEL and lone surrogates: PostgreSQL or UTF-8 can't take them, or nobody can see them.
UNWANTED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
UNWANTED_IN_A_LINE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

# No language has more on one letter: UAX #15, "Stream-Safe Text Format".
MOST_ACCENTS: Final = 30
# The supplementary planes above have none.
LAST_ACCENT: Final = 0x1FFFF


def has_stacked_accents(text: str) -> bool:
    """Whether more than 30 accents follow each other, which takes the square of their number to normalize."""
    return not text.isascii() and stacked_accents().search(text) is not None


@cache
def stacked_accents() -> re.Pattern[str]:
    """The pattern of 31 accents in a row; takes some 50 ms to make."""
    ranges = "".join(f"{chr(first)}-{chr(last)}" for first, last in accents())
    return re.compile(f"[{ranges}]{{{MOST_ACCENTS + 1}}}")


def accents() -> Iterator[tuple[int, int]]:
    """The first and last of each range of accents."""
    first = None
    for point in range(LAST_ACCENT + 2):
        found = point <= LAST_ACCENT and is_accent(chr(point))
        if found and first is None:
            first = point
        elif not found and first is not None:
            yield first, point - 1
            first = None


def is_accent(character: str) -> bool:
    """Whether it is a combining mark, or nothing but such marks in another form (U+0F73, say, which has no class)."""
    if unicodedata.combining(character):
        return True
    if not unicodedata.decomposition(character):
        return False
    return all(map(unicodedata.combining, unicodedata.normalize("NFKD", character)))
