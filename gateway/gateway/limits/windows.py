"""Counts requests per key in a sliding window, in a bounded space.

The rule is that of `limits.strategies.SlidingWindowCounterRateLimiter`: the present period's count, and of the period
before the share that a window of that length still covers. Its own memory storage is not used: it looks through
all its keys every 10 ms, in a thread made for it, has no bound, and takes longer (docs/adr/0013-limits.md).
"""

from __future__ import annotations

import math
import threading

from limits import RateLimitItem

# Keys counted one by one in a period; about 20 MB. What comes after them shares counters.
MOST_KEYS = 100_000
SHARED_COUNTERS = 1 << 16
NOTHING_LEFT = -1
SOON_AFTER = 1e-6


class Window:
    """One limit and the counts of all its keys. Thread-safe; `now` is in seconds since the epoch.

    A refused request is not counted: who sends twice what is allowed gets half of it answered, not nothing.
    """

    def __init__(self, name: str, limit: RateLimitItem, scale: float = 1.0) -> None:
        self.name = name
        self.amount = max(1, round(limit.amount * scale))
        self.seconds = limit.get_expiry()
        # As draft-ietf-httpapi-ratelimit-headers writes a quota policy.
        self.policy = f'"{name}";q={self.amount};w={self.seconds}'
        self._lock = threading.Lock()
        self._period = 0
        self._before: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._unsent: dict[str, int] = {}

    def take(self, key: str, now: float) -> int:
        """Counts one request; how many more there may be, or NOTHING_LEFT if this one must be refused."""
        with self._lock:
            passed = self._turn(now)
            counts = self._counts
            count = counts.get(key)
            if count is None:
                key, count = self._place(key)
            left = self.amount - self._faded(key, passed) - count
            if left < 1:
                return NOTHING_LEFT
            counts[key] = count + 1
            unsent = self._unsent
            if len(unsent) < MOST_KEYS:
                unsent[key] = unsent.get(key, 0) + 1
            return left - 1

    def retry_after(self, key: str, now: float) -> int:
        """Whole seconds, at least one, after which one more would be allowed if nothing else came."""
        with self._lock:
            passed = self._turn(now)
            key, count = self._place(key)
            before = self._before.get(key, 0)
        # Either those of the period before must fade until one fits, or this period's own, in the next one.
        free = self.amount - count
        periods = 1 - free / max(1, before) if free > 0 else 2 - self.amount / count
        return max(1, math.ceil((periods - passed) * self.seconds + SOON_AFTER))

    def resets_in(self, now: float) -> int:
        """Whole seconds until the present period ends."""
        return self.seconds - int(now % self.seconds)

    def add(self, key: str, count: int, now: float) -> None:
        """Counts what another process let through."""
        with self._lock:
            self._turn(now)
            key, known = self._place(key)
            self._counts[key] = known + count

    def unsent(self) -> dict[str, int]:
        """What was counted here since the last call."""
        with self._lock:
            unsent, self._unsent = self._unsent, {}
        return {key: count for key, count in unsent.items() if not key.startswith("~")}

    def _turn(self, now: float) -> float:
        """Goes on to the period of `now`; the part of it that has passed."""
        periods = now / self.seconds
        period = int(periods)
        if period > self._period:
            self._before = self._counts if period == self._period + 1 else {}
            self._counts = {}
            self._period = period
        return periods - period

    def _faded(self, key: str, passed: float) -> int:
        before = self._before.get(key)
        return int(before * (1 - passed)) if before else 0

    def _place(self, key: str) -> tuple[str, int]:
        """Where `key` is counted, and its count: beyond so many keys, together with others.

        Python's hash is salted per process, so nobody can choose with whom; hence these counts are not sent around.
        """
        count = self._counts.get(key)
        if count is not None:
            return key, count
        if len(self._counts) >= MOST_KEYS:
            key = f"~{hash(key) % SHARED_COUNTERS}"
        return key, self._counts.get(key, 0)
