"""How far two words are apart, and what somebody may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

SHORTEST = 3
MOST_MEANINGS = 6


def allowed_typos(word: str) -> int:
    """How many typos a word of this length may have and still be recognized."""
    return 1 if len(word) < 8 else 2


def typos(typed: str, meant: str) -> int:
    """Letters too many, missing, wrong or swapped with their neighbour (the optimal string alignment distance) between
    what was typed and the nearest beginning of `meant`: a search box is read before the word is finished.
    """
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(typed, 1):
        oldest, before, row = before, row, [i]
        for j, other in enumerate(meant, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == other:
                best = min(best, oldest[j - 2] + 1)
            row.append(best)
    return min(row)


def meanings(typed: str, words: Iterable[str]) -> list[str]:
    """Those of `words` that `typed` may stand for, the nearest first."""
    limit = allowed_typos(typed)
    distances = {word: typos(typed, word) for word in words}
    near = [word for word, distance in distances.items() if distance <= limit]
    return sorted(near, key=lambda word: (distances[word], word))[:MOST_MEANINGS]


def letters_and_digits(q: str) -> tuple[list[str], list[str]]:
    """The words of `q` that may be misspelled, and its numbers and short words, which must be right."""
    parts = re.findall(r"[^\W\d_]+|\d+", q)
    words = [part for part in parts if len(part) >= SHORTEST and not part.isdigit()]
    return words, [part for part in parts if part not in words]


def alternatives(
    words: Sequence[str], exact: Sequence[str], found: Mapping[str, Sequence[str]]
) -> list[list[str]]:
    """Patterns for LIKE: of each group one must match. Empty when no word may stand for another than itself."""
    if not any(found.values()):
        return []
    groups = [[f"% {meant}%" for meant in (*found.get(word, ()), word)] for word in words]
    return [*groups, *([f"%{part}%"] for part in exact)]
