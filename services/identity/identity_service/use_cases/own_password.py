"""Changing one's own password, and in the same transaction what else one changes of oneself."""

from __future__ import annotations

import uuid
from typing import Any

from chassis import audit
from chassis.context import Actor, Operation
from chassis.database import Database, UnitOfWork
from identity_service import errors, schemas
from identity_service.domain.throttle import Throttle
from identity_service.storage import credentials, links, organizations, people
from identity_service.use_cases import attempts, lifecycle
from identity_service.use_cases.hashing import Hashing, HashPlace
from identity_service.use_cases.new_passwords import replace_password, require_strong


def change_password(
    database: Database,
    hashing: Hashing,
    throttle: Throttle,
    actor: Actor,
    arguments: dict[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Sets the actor's own password, ends their logins but that of the given access token, and answers the user.

    The present one can't be guessed faster here than at the sign-in.
    """
    with hashing.place(2, account=str(actor.user_id)) as place:
        with database.unit_of_work(actor.organization_id) as uow:
            if (done := uow.replay(operation)) is not None:
                return dict(done)
            stored = credentials.find_hash(uow, actor.organization_id, actor.user_id)
            require_own_strong(uow, actor, arguments["password"])
        require_own_password(
            database, throttle, place, actor, arguments["current_password"], stored
        )
        new = place.hash(arguments["password"])
    return store_password(database, actor, arguments, operation, stored, new)


def require_own_password(
    database: Database,
    throttle: Throttle,
    place: HashPlace,
    actor: Actor,
    password: str,
    stored: str | None,
) -> None:
    """It is the present one; the attempt counts if not."""
    attempt = attempts.take(database, throttle, throttle.own_password(str(actor.user_id)))
    if not place.is_right(password, stored):
        raise errors.bad_credentials()
    attempts.give_back(database, throttle, attempt)


def store_password(
    database: Database,
    actor: Actor,
    arguments: dict[str, Any],
    operation: Operation,
    stored: str | None,
    new: str,
) -> dict[str, Any]:
    """The new password and what is changed with it, unless the old one was changed since it was checked."""
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        row = people.lock_user(uow, actor.organization_id, actor.user_id)
        lifecycle.require_version(row, arguments["if_version"])
        if credentials.find_hash(uow, actor.organization_id, actor.user_id) != stored:
            raise errors.bad_credentials()
        kept = login_in_use(uow, actor, arguments["access_token"])
        replace_password(uow, actor.organization_id, actor.user_id, new, kept_login=kept)
        links.add_notice(uow, actor.organization_id, actor.user_id)
        audit.record(uow, "password.changed", targets=[actor.user_id])
        changed = lifecycle.real_changes(row, arguments["changes"])
        result = schemas.user_json(lifecycle.apply_changes(uow, actor, row, changed))
        uow.record(operation, result)
        uow.commit()
    return result


def require_own_strong(uow: UnitOfWork, actor: Actor, password: str) -> None:
    """The new password is fit for the actor."""
    person = people.find_user(uow, actor.organization_id, actor.user_id)
    organization = organizations.find_organization(uow, actor.organization_id)
    if person is None or organization is None:
        raise errors.unknown_user()
    require_strong(password, "/password", person, [organization.name])


def login_in_use(uow: UnitOfWork, actor: Actor, access_token: str | None) -> uuid.UUID | None:
    """The actor's login that the token belongs to."""
    login = credentials.find_login(uow, access_token) if access_token else None
    return login.id if login is not None and login.user_id == actor.user_id else None
