"""Remembers who has to wait before the next attempt to sign in, so that guessing on costs identity nothing.

Identity counts the attempts and says how long to wait. Until then it would refuse every attempt at this login from this
address without a look at the password; here that is said without asking it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from chassis.errors import Forbidden
from gateway.addresses import client_of

TOO_MANY = "identity.too_many_attempts"
# Identity may have forgiven the login meanwhile: somebody signed in to it with another process, say.
LONGEST_SECONDS = 10.0
MOST_ENTRIES = 10_000

Key = bytes


class Refusals:
    """The last refusals of one process, by digest so that no login stays in memory. Thread-safe."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._until: OrderedDict[Key, float] = OrderedDict()

    def require_none(self, key: Key) -> None:
        """Forbidden `identity.too_many_attempts` while an earlier refusal holds."""
        with self._lock:
            left = self._until.get(key, 0.0) - self._now()
        if left > 0:
            seconds = int(left) + 1
            raise Forbidden(
                TOO_MANY,
                "Too many attempts; wait a little and try again.",
                data={"retry_after": seconds},
            )

    def note(self, key: Key, error: Forbidden) -> None:
        """Remembers `error` if it says how long to wait."""
        if error.code != TOO_MANY:
            return
        # Identity rounds up; half a second early is a question too many, half a second late a refusal too many.
        seconds = max(0.5, float(error.data.get("retry_after", 1)) - 1)
        with self._lock:
            self._until[key] = self._now() + min(seconds, LONGEST_SECONDS)
            self._until.move_to_end(key)
            while len(self._until) > MOST_ENTRIES:
                self._until.popitem(last=False)


def key_of(credentials: Mapping[str, Any], address: str) -> Key:
    """Whose attempts are refused together: those at a login, in the organization that was named, from one client.

    Identity is still to say whether they are texts at all.
    """
    parts = (credentials["login"], credentials.get("organization"), client_of(address))
    return hashlib.sha256(repr(parts).encode(errors="surrogatepass")).digest()
