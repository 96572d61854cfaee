"""Inviting people who have no password yet, one or all, at once or later; and what they do with it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from chassis import audit, context
from chassis.context import Actor, Operation
from chassis.database import SYSTEM, Database, UnitOfWork
from identity_service import access, errors, events, schemas
from identity_service.domain.links import INVITATION, Links
from identity_service.domain.tokens import Tokens
from identity_service.storage import credentials, people
from identity_service.storage import links as rows
from identity_service.storage.credentials import Login
from identity_service.use_cases import new_passwords, sign_in
from identity_service.use_cases.hashing import Hashing
from identity_service.use_cases.inviting import invite
from identity_service.use_cases.opening import hash_for_link, open_for_change

# Well within the time that one statement may take.
AT_ONCE = 1_000
# What must be left of a call's time to begin another part.
SECONDS_TO_END = 2.0


def invite_user(
    database: Database, links: Links, actor: Actor, user_id: uuid.UUID, operation: Operation
) -> dict[str, Any]:
    """Sends a person an invitation, or another one, which ends the one before."""
    access.require_manager(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        row = people.lock_user(uow, actor.organization_id, user_id)
        require_invitable(row)
        invite(uow, actor.organization_id, [row.id], links)
        result = schemas.user_json(row)
        uow.record(operation, result)
        uow.commit()
    return result


def require_invitable(row: Any) -> None:
    """Invited people with an address, and nobody else."""
    if row.status == "archived":
        raise errors.archived_person()
    if row.status == "active":
        raise errors.already_active()
    if row.email is None:
        raise errors.no_email()


def invite_users(
    database: Database,
    links: Links,
    actor: Actor,
    user_ids: Sequence[uuid.UUID] | None,
    operation: Operation,
) -> dict[str, Any]:
    """Invites those of `user_ids` who can be, or everybody who was held back so far.

    Held back is who is invited, has an address, and no invitation that still works. `more` says that there were more of
    them than the call had time for: call again.
    """
    access.require_manager(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        if user_ids is None:
            result = invite_held_back(uow, actor.organization_id, links)
        else:
            found = rows.hold_invitable(uow, actor.organization_id, user_ids)
            invite(uow, actor.organization_id, found, links)
            result = {"invited": len(found), "more": False}
        uow.record(operation, result)
        uow.commit()
    return result


def invite_held_back(uow: UnitOfWork, organization_id: uuid.UUID, links: Links) -> dict[str, Any]:
    """Invites some thousands with a few statements, and more as long as the caller has time."""
    invited, is_full = 0, True
    while is_full and context.current().seconds_left() > SECONDS_TO_END:
        found = rows.hold_held_back(uow, organization_id, AT_ONCE)
        invite(uow, organization_id, found, links)
        invited += len(found)
        is_full = len(found) == AT_ONCE
    return {"invited": invited, "more": is_full}


def accept_invitation(
    database: Database,
    tokens: Tokens,
    hashing: Hashing,
    links: Links,
    arguments: dict[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Sets the first password of the person whom the token invites, and signs them in."""
    new = hash_for_link(database, hashing, links, INVITATION, arguments, operation)
    with database.unit_of_work(SYSTEM) as uow:
        done = uow.replay(operation)
        if done is None:
            person = open_for_change(uow, new)
            done = activate(uow, tokens, person, new.password_hash, operation)
            uow.record(operation, done)
            uow.commit()
    return sign_in.with_tokens(done, tokens, operation)


def activate(
    uow: UnitOfWork, tokens: Tokens, person: Any, password_hash: str, operation: Operation
) -> dict[str, Any]:
    """The person is active and signed in."""
    organization_id = person.organization_id
    new_passwords.replace_password(uow, organization_id, person.user_id, password_hash)
    row = people.change_user(uow, organization_id, person.user_id, {"status": "active"})
    uow.publish(
        "user_updated",
        subject=str(row.id),
        data=events.users_changed([row]),
        organization_id=organization_id,
    )
    audit.record(
        uow,
        "invitation.accepted",
        targets=[row.id],
        actor_id=row.id,
        organization_id=organization_id,
    )
    login = Login(organization_id, uuid.uuid4(), row.id)
    sign_in.start_login(uow, tokens, login, operation, datetime.now(UTC))
    return sign_in.answer(tokens, row, credentials.organization_of(uow, login))
