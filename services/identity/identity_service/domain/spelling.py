"""How far two words are apart, and what somebody may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product

SHORTEST = 3
# Looking for what a word may mean is the costliest part of a search; nobody misspells more.
MOST_MISSPELLED = 6
MOST_MEANINGS = 6
MOST_VARIANTS = 50
MOST_WAYS = 5_000


def allowed_typos(word: str) -> int:
    """How many typos a word of this length may have and still be recognized."""
    return 1 if len(word) < 8 else 2


def typos(typed: str, meant: str, most: int) -> int:
    """How many letters are too many, missing, wrong or swapped with their neighbour; `most + 1` for more than `most`.

    It compares with the nearest beginning of `meant`: a search box is read before the word is finished. Optimal string
    alignment, only in the band in which two words are at most that far apart (Ukkonen 1985): the time grows with the
    length, not with its square.
    """
    far = most + 1
    meant = meant[: len(typed) + most]
    before: list[int] = []
    row = [min(j, far) for j in range(len(meant) + 1)]
    for i, letter in enumerate(typed, 1):
        oldest, before, row = before, row, [far] * len(row)
        if i <= most:
            row[0] = i
        for j in range(max(1, i - most), min(len(meant), i + most) + 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != meant[j - 1]))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == meant[j - 1]:
                best = min(best, oldest[j - 2] + 1)
            row[j] = min(best, far)
        if far == min(row) == min(before):
            return far
    return min(row)


def meanings(typed: str, words: Iterable[str]) -> list[str]:
    """Those of `words` that `typed` may stand for, the nearest first."""
    limit = allowed_typos(typed)
    distances = {word: typos(typed, word, limit) for word in words}
    near = [word for word, distance in distances.items() if distance <= limit]
    return sorted(near, key=lambda word: (distances[word], word))[:MOST_MEANINGS]


def words_in(q: str) -> list[str]:
    """The first words of `q` that may be misspelled; of an address only those before the @."""
    parts = re.findall(r"[^\W\d_]+", q.partition("@")[0])
    words = [part for part in dict.fromkeys(parts) if len(part) >= SHORTEST]
    return words[:MOST_MISSPELLED]


def variants(q: str, found: Mapping[str, Sequence[str]]) -> list[str]:
    """What `q` may have been meant to be, the likeliest first.

    Its words are replaced by their meanings, two words also turned around, an address also cut before its domain.
    """
    pieces = re.split(r"([^\W\d_]+)", q)
    choices = [
        [*dict.fromkeys([piece, *found.get(piece, ())])][: MOST_MEANINGS + 1] for piece in pieces
    ]
    spellings = islice(cheapest_first(choices), MOST_VARIANTS)
    meant = ["".join(spelling) for spelling in spellings]
    local_part, at, _ = q.partition("@")
    if at:
        meant.append(local_part + at)
    turned = [" ".join(reversed(one.split(" "))) for one in meant if one.count(" ") == 1]
    return [one for one in dict.fromkeys([*meant, *turned]) if one != q]


def cheapest_first(choices: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """One of each, in all ways, those first that take early choices."""
    ways = product(*(range(len(options)) for options in choices))
    for way in sorted(islice(ways, MOST_WAYS), key=sum):
        yield tuple(options[number] for options, number in zip(choices, way, strict=True))


def alternatives(q: str, found: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Patterns for LIKE: of each group, one for each part of `q`, one must match."""
    parts = re.findall(r"[^\W\d_]+|\d+", q.partition("@")[0])
    return [
        [f"%{part}%"]
        if part.isdigit()
        else [f"% {meant}%" for meant in shortest([part, *found.get(part, ())])]
        for part in parts
    ]


def shortest(words: Sequence[str]) -> list[str]:
    """Without those that begin with another."""
    return [
        one for one in words if not any(one != other and one.startswith(other) for other in words)
    ]
