"""Remembers whom a token stands for, so that not every request asks identity; forgets at once what was revoked.

A token is trusted only as far as it is known to be good *now*: it was verified, or the ear (gateway.ear) has heard all
revocations, less than TRUST_SECONDS ago. So a revoked token is refused within that time in every process, even in one
that hears nothing any more, however long tokens are remembered.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from chassis.context import Actor
from chassis.events import Event

TRUST_SECONDS = 0.8
# Longer than any question to identity can take: until then an answer may be older than the revocation.
REVOCATION_SECONDS = 30.0


class Known(NamedTuple):
    """A verified token. Both times are `time.monotonic()`."""

    actor: Actor
    verified_at: float
    expires: float


class TokenCache:
    """The last `entries` verified tokens, each for `seconds`, kept by digest so that no token stays in memory.

    Only good news is kept: a refused token is asked about again. Thread-safe.
    """

    hears: Mapping[str, Sequence[str]] = {
        "identity": ("credentials_revoked", "user_updated", "user_archived", "user_erased")
    }

    def __init__(
        self, seconds: float, entries: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._entries = entries
        self.now = now
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._of_user: dict[uuid.UUID, set[bytes]] = {}
        self._revoked: OrderedDict[uuid.UUID, float] = OrderedDict()
        self._missed_at = self._heard_until = -float("inf")

    def get(self, token: str) -> Actor | None:
        """Whom the token stands for, if that is known to hold now."""
        key, now = _digest(token), self.now()
        with self._lock:
            known = self._known.get(key)
            if known is None:
                return None
            confirmed_at = max(known.verified_at, self._heard_until)
            if now < known.expires and now < confirmed_at + TRUST_SECONDS:
                return known.actor
            self._remove(key)
            return None

    def put(self, token: str, actor: Actor, *, asked_at: float, expires_at: float) -> None:
        """Remembers what identity was asked at `asked_at` (`now()`), never beyond the token's end (epoch seconds).

        Not when the person's credentials were revoked since: the answer may be from before.
        """
        key, now = _digest(token), self.now()
        expires = now + min(self._seconds, expires_at - time.time())
        with self._lock:
            if asked_at <= max(self._missed_at, self._revoked.get(actor.user_id, asked_at - 1)):
                return
            self._known[key] = Known(actor, asked_at, expires)
            self._known.move_to_end(key)
            self._of_user.setdefault(actor.user_id, set()).add(key)
            while len(self._known) > self._entries:
                self._remove(next(iter(self._known)))

    def _remove(self, key: bytes) -> None:
        user_id = self._known.pop(key).actor.user_id
        keys = self._of_user[user_id]
        keys.discard(key)
        if not keys:
            del self._of_user[user_id]

    def forget_user(self, user_id: uuid.UUID) -> None:
        """Something about the person's tokens or roles changed: each of them is asked about anew."""
        now = self.now()
        with self._lock:
            for key in tuple(self._of_user.get(user_id, ())):
                self._remove(key)
            self._revoked[user_id] = now
            self._revoked.move_to_end(user_id)
            while next(iter(self._revoked.values())) < now - REVOCATION_SECONDS:
                self._revoked.popitem(last=False)

    def tell(self, event: Event) -> None:
        """Forgets those whom an event of identity is about."""
        if event.name == "credentials_revoked":
            self.forget_user(uuid.UUID(event.data["user_id"]))
        else:
            for user in event.data["users"]:
                self.forget_user(uuid.UUID(user["id"]))

    def heard_until(self, moment: float) -> None:
        """Every revocation that arrived until then was told."""
        with self._lock:
            self._heard_until = moment

    def forget_all(self) -> None:
        """Revocations may have been missed."""
        with self._lock:
            self._known.clear()
            self._of_user.clear()
            self._missed_at = self.now()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
