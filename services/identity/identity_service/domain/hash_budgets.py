"""How many hashes somebody may have: so many at once, then so many per second. A token bucket for each key.

What is remembered is bounded: who has not been there for so long that all has come back is forgotten, and of very many
the one who has not been there for longest. To be forgotten earlier than that takes more hashes than it gives.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

Key = bytes
MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Budget:
    """`burst` hashes at once, then `per_second`."""

    burst: float
    per_second: float

    def scaled(self, factor: float) -> Budget:
        """As many times as much."""
        return Budget(self.burst * factor, self.per_second * factor)


class Budgets:
    """What is left to each key. `now` is in seconds and never goes back."""

    def __init__(self, budget: Budget, most_keys: int = MOST_KEYS) -> None:
        self._budget = budget
        self._most_keys = most_keys
        # What was left to a key, and when; the one who was there last at the end.
        self._left: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def left(self, key: Key, now: float) -> float:
        """Hashes that `key` may have now."""
        left, at = self._left.get(key, (self._budget.burst, now))
        return min(self._budget.burst, left + (now - at) * self._budget.per_second)

    def wait(self, key: Key, hashes: int, promised: int, now: float) -> float:
        """Seconds until `key` may have so many beside those that were promised, 0 for now.

        A call that needs more than the burst gets them when that is whole.
        """
        missing = promised + min(hashes, self._budget.burst) - self.left(key, now)
        return max(0.0, missing / self._budget.per_second)

    def take(self, key: Key, now: float) -> None:
        """One hash; below nothing it goes too, and takes longer to come back."""
        self._left[key] = (self.left(key, now) - 1, now)
        self._left.move_to_end(key)
        self._forget(now)

    def _forget(self, now: float) -> None:
        while len(self._left) > self._most_keys or self._is_whole(next(iter(self._left)), now):
            self._left.popitem(last=False)

    def _is_whole(self, key: Key, now: float) -> bool:
        return self.left(key, now) >= self._budget.burst
