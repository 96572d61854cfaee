"""Counting attempts at a password, before it is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.database import SYSTEM, Database
from identity_service import errors
from identity_service.domain.throttle import Allowance, Throttle
from identity_service.storage import throttles
from identity_service.storage.throttles import Attempt


def take(database: Database, throttle: Throttle, allowances: Sequence[Allowance]) -> Attempt:
    """Takes one attempt; Forbidden `identity.too_many_attempts` when there is none left."""
    with database.unit_of_work(SYSTEM) as uow:
        attempt = throttles.take(uow, allowances, throttle.known_for)
        uow.commit()
    require_taken(attempt)
    return attempt


def require_taken(attempt: Attempt) -> None:
    """Forbidden, with the time to wait, unless the attempt was let through."""
    if attempt.wait > 0:
        raise errors.too_many_attempts(attempt.wait)


def give_back(database: Database, throttle: Throttle, attempt: Attempt) -> None:
    """The password was right: the attempt does not count."""
    with database.unit_of_work(SYSTEM) as uow:
        throttles.give_back(uow, attempt.taken, throttle.known_for)
        uow.commit()
