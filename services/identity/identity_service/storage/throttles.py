"""Taking from the allowances for attempts, and giving back. In the system scope: nobody is signed in yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chassis.database import UnitOfWork
from identity_service.domain.throttle import Allowance

TAKE = """
    SELECT wait, taken, is_to_be_noted
      FROM take_attempt(%(keys)s::bytea[], %(paces)s::float8[], %(tolerances)s::float8[], %(known_for)s)
"""
TOUCH = "UPDATE throttles SET forget_at = forget_at WHERE key = %s"
NOBODYS = b""
GIVE_BACK = "SELECT give_attempt_back(%s::bytea[], %s::float8[], %s)"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was taken; nothing if `wait` seconds must pass first. `is_to_be_noted`: refused, and not just noted."""

    taken: Sequence[Allowance]
    wait: float
    is_to_be_noted: bool

    @property
    def is_known(self) -> bool:
        """Whether the login has signed in at this address: then the first allowance alone was asked."""
        return len(self.taken) == 1


def take(uow: UnitOfWork, allowances: Sequence[Allowance], known_for: timedelta) -> Attempt:
    """Takes one attempt from all of `allowances`, or from none. Counted when the transaction is committed."""
    parameters = {
        "keys": [one.key for one in allowances],
        "paces": [one.pace.seconds for one in allowances],
        "tolerances": [one.pace.tolerance for one in allowances],
        "known_for": known_for,
    }
    row = uow.connection.exec_driver_sql(TAKE, parameters).one()
    keys = {bytes(key) for key in row.taken}
    return Attempt([one for one in allowances if one.key in keys], row.wait, row.is_to_be_noted)


def give_back(uow: UnitOfWork, taken: Sequence[Allowance], known_for: timedelta) -> None:
    """With the commit: the first allowance is whole again, the others by one; and the login is known at its address."""
    keys: list[Any] = [one.key for one in taken]
    uow.at_commit(GIVE_BACK, keys, [one.pace.seconds for one in taken], known_for)


def give_back_one(uow: UnitOfWork, taken: Sequence[Allowance], known_for: timedelta) -> None:
    """With the commit: each allowance by one; nothing is forgiven, and nothing known."""
    keys: list[Any] = [NOBODYS, *(one.key for one in taken)]
    uow.at_commit(GIVE_BACK, keys, [0.0, *(one.pace.seconds for one in taken)], known_for)


def touch(uow: UnitOfWork, taken: Sequence[Allowance]) -> None:
    """With the commit: a write that changes nothing, so that a failure costs a commit whether or not it is told of."""
    if taken:
        uow.at_commit(TOUCH, taken[0].key)
