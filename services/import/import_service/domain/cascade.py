"""Which rows can't be done because somebody they name won't exist."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable


def fallen(invalid: Iterable[int], edges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The rows that fall with the invalid ones, and of each which named row was the reason.

    `edges` are (namer, named), where the named person exists only if their row is done. What falls takes along those
    that name it, if it is itself such a person.
    """
    namers: dict[int, list[int]] = defaultdict(list)
    for namer, named in edges:
        namers[named].append(namer)
    waiting = deque(invalid)
    seen = set(waiting)
    reasons: dict[int, int] = {}
    while waiting:
        named = waiting.popleft()
        for namer in namers.get(named, ()):
            if namer not in seen:
                seen.add(namer)
                reasons[namer] = named
                waiting.append(namer)
    return reasons
