"""Turns that take longer than they may although whoever they asked did answer: the work itself is too much.

It would be too much at every other try as well, so unlike an outage it is not waited for.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

# A process that was stopped for a while may be late once or twice.
MOST_TRIES: Final = 5
MOST_IMPORTS: Final = 1_000

PROBLEM: Final = {
    "code": "import.too_much_work",
    "column": None,
    "detail": "The import took too long, each time it was tried; upload the file in parts.",
}


class Overruns:
    """Counts, in this process, how often the turn that an import is at took too long."""

    def __init__(self) -> None:
        self._tries: dict[uuid.UUID, tuple[tuple[str, int], int]] = {}

    def is_too_often(self, upload: Any) -> bool:
        """Notes one more, and says whether the import is to be given up."""
        place = (upload.step, upload.chunk)
        before, tries = self._tries.pop(upload.id, (place, 0))
        tries = tries + 1 if before == place else 1
        if tries >= MOST_TRIES:
            return True
        if len(self._tries) >= MOST_IMPORTS:
            self._tries.pop(next(iter(self._tries)))
        self._tries[upload.id] = (place, tries)
        return False
