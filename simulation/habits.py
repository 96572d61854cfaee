"""What the clients of a schedule like to do: many schedules are about one thing, so that it meets itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from assignment_service.domain import Pair

METHODS: Final = (
    ("booking", "book_session"),
    ("booking", "book_session"),
    ("assignment", "end_assignment"),
    ("assignment", "end_assignment"),
    ("assignment", "assign"),
    ("messaging", "send_message"),
    ("messaging", "open_conversation"),
    ("identity", "update_user"),
)


class Habits:
    """Which operations, on which pairs, and how long the pauses between them are."""

    def __init__(self, chance: random.Random, pairs: Sequence[Pair]) -> None:
        self._favourite = chance.choice(METHODS)
        self._loyalty = chance.choice((0.0, 0.0, 0.5, 0.9))
        self.pairs = pairs if chance.random() < 0.5 else pairs[:1]
        self.pause = chance.choice((0.01, 0.3, 3.0))

    def method(self, chance: random.Random) -> tuple[str, str]:
        """The service and method of the next operation."""
        if chance.random() < self._loyalty:
            return self._favourite
        return chance.choice(METHODS)
