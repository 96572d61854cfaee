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
    """Whether more than 30 combining marks follow each other, which takes the square of their number to normalize."""
    return not text.isascii() and stacked_accents().search(text) is not None


@cache
def stacked_accents() -> re.Pattern[str]:
    """The pattern of 31 marks in a row; takes 15 ms to make."""
    ranges = "".join(f"{chr(first)}-{chr(last)}" for first, last in accents())
    return re.compile(f"[{ranges}]{{{MOST_ACCENTS + 1}}}")


def accents() -> Iterator[tuple[int, int]]:
    """The first and last of each range of combining marks."""
    first = None
    for point in range(LAST_ACCENT + 2):
        is_accent = point <= LAST_ACCENT and unicodedata.combining(chr(point)) != 0
        if is_accent and first is None:
            first = point
        elif not is_accent and first is not None:
            yield first, point - 1
            first = None
