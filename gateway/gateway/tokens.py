"""Remembers for a moment whom a token stands for, so that not every request asks identity."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict

from chassis.context import Actor


class TokenCache:
    """The last `entries` verified tokens, each for `seconds`, kept by digest so that no token stays in memory.

    Only good news is kept: a refused token is asked about again, and a revoked one is refused after `seconds`.
    """

    def __init__(self, seconds: float, entries: int) -> None:
        self._seconds = seconds
        self._entries = entries
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[float, Actor]] = OrderedDict()

    def get(self, token: str) -> Actor | None:
        """Whom the token stands for, if that was learned just now."""
        key = _digest(token)
        with self._lock:
            expires, actor = self._known.get(key, (0.0, None))
            if actor is None or expires > time.time():
                return actor
            del self._known[key]
            return None

    def put(self, token: str, actor: Actor, *, expires_at: float) -> None:
        """Remembers a token, never beyond its own end (seconds since the epoch)."""
        expires = min(time.time() + self._seconds, expires_at)
        with self._lock:
            self._known[_digest(token)] = (expires, actor)
            self._known.move_to_end(_digest(token))
            while len(self._known) > self._entries:
                self._known.popitem(last=False)

    def forget(self, token: str) -> None:
        """Called at logout."""
        with self._lock:
            self._known.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
