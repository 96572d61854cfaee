"""One attempt at a login and its password: counted, tried where the login is somebody's, and settled."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from chassis import audit, context
from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.errors import ServiceError
from identity_service.domain.people import normalized_email, username_key
from identity_service.domain.throttle import Throttle
from identity_service.storage import credentials, throttles
from identity_service.storage.throttles import Attempt
from identity_service.use_cases.hashing import HashPlace


def begin(
    database: Database, throttle: Throttle, arguments: dict[str, Any]
) -> tuple[Attempt, Sequence[Any]]:
    """Counts the attempt and finds the people whom the login may mean."""
    login, is_email = compared(arguments["login"])
    organization = arguments["organization"] or ""
    allowances = throttle.sign_in(login, context.current().address, organization)
    with database.unit_of_work(SYSTEM) as uow:
        attempt = throttles.take(uow, allowances, throttle.known_for)
        candidates = credentials.sign_in_candidates(
            uow, login, is_email=is_email, organization=arguments["organization"]
        )
        if attempt.is_to_be_noted:
            for one in candidates:
                note(uow, "sign_in.throttled", one)
        uow.commit()
    return attempt, candidates


def need_hashes(
    database: Database,
    throttle: Throttle,
    place: HashPlace,
    arguments: dict[str, Any],
    attempt: Attempt,
    candidates: int,
) -> None:
    """A hash for each candidate. The attempt is given back to who may not have them: no password was looked at.

    They count for the login too, so that many addresses help nobody; but not where it is known, so that those
    can't shut its owner out. A named organization counts for itself, for the same reason.
    """
    login, _ = compared(arguments["login"])
    account = "" if attempt.is_known else f"{login}\0{arguments['organization'] or ''}"
    try:
        place.need(max(1, candidates), account=account)
    except ServiceError:
        with database.unit_of_work(SYSTEM) as uow:
            throttles.give_back_one(uow, attempt.taken, throttle.known_for)
            uow.commit()
        raise


def compared(login: str) -> tuple[str, bool]:
    """A login in the form that is compared, and whether it is an e-mail address: a username has no `@`."""
    is_email = "@" in login
    return (normalized_email(login) if is_email else username_key(login)), is_email


def settle_without_login(
    database: Database,
    throttle: Throttle,
    attempt: Attempt,
    people: Sequence[Any],
    candidates: Sequence[Any],
) -> None:
    """Notes a failure; or gives the attempt back to somebody who must choose an organization first."""
    with database.unit_of_work(SYSTEM) as uow:
        if people:
            throttles.give_back_one(uow, attempt.taken, throttle.known_for)
        else:
            throttles.touch(uow, attempt.taken)
            for one in candidates:
                note(uow, "sign_in.failed", one)
        uow.commit()


def note(uow: UnitOfWork, action: str, person: Any, *, actor_id: uuid.UUID | None = None) -> None:
    """Tells the audit log of the person's organization."""
    audit.record(
        uow,
        action,
        targets=[person.id],
        actor_id=actor_id,
        organization_id=person.organization_id,
    )


def with_right_password(place: HashPlace, candidates: Sequence[Any], password: str) -> list[Any]:
    """Those whose password it is. Nobody there costs as much time as one with another password."""
    stored = [one.password_hash for one in candidates]
    right = place.which_are_right(password, stored or [None])
    return [one for one, is_right in zip(candidates, right, strict=False) if is_right]
