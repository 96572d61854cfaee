"""Passwords: argon2id, hashed away from the event loop.

One hash takes tens of milliseconds of one core and megabytes of memory on purpose. In the event loop it would stop
heartbeats and every other call; without a bound, which `hash_queue` is, a burst of logins would take all cores and
memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 8
MAX_LENGTH = 128


def in_this_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """The simplest way to run a hash."""
    return function(*arguments)


@dataclass(frozen=True, slots=True)
class HashCost:
    """argon2id's parameters. The defaults are the minimum of OWASP's Password Storage Cheat Sheet."""

    memory_kib: int = 19456
    passes: int = 2
    lanes: int = 1


@dataclass(slots=True)
class Passwords:
    """Hashes and verifies. `offload(function, *arguments)` runs a function away from the event loop."""

    cost: HashCost = field(default_factory=HashCost)
    offload: Callable[..., Any] = in_this_thread
    _hasher: PasswordHasher = field(init=False)
    _nobodys_hash: str = field(init=False)

    def __post_init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=self.cost.passes,
            memory_cost=self.cost.memory_kib,
            parallelism=self.cost.lanes,
            type=Type.ID,
        )
        self._nobodys_hash = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """The encoded hash to store, salt and parameters included."""
        return str(self.offload(self._hasher.hash, password))

    def is_right(self, password: str, stored: str | None) -> bool:
        """Whether `password` belongs to the stored hash. Without one it takes as long and is False."""
        right = bool(self.offload(self._verify, stored or self._nobodys_hash, password))
        return right and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
