"""Changing, archiving and restoring people."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from chassis.context import Actor, Operation
from chassis.database import Database, UnitOfWork
from identity_service import access, errors, events, schemas
from identity_service.domain.people import is_reachable, ordered_roles, status_of
from identity_service.storage import credentials, links, organizations, people
from identity_service.use_cases.new_passwords import publish_revocation
from identity_service.use_cases.people import UNREACHABLE
from identity_service.use_cases.recording import Change, record_people_changed

# Whoever changes these of an account can take it over.
LOGIN_FIELDS = frozenset({"email", "username", "roles"})


def update_user(
    database: Database,
    actor: Actor,
    user_id: uuid.UUID,
    changes: dict[str, Any],
    if_version: int | None,
    operation: Operation,
) -> dict[str, Any]:
    """Changes a person; what stays the same makes neither a new version nor an event."""
    access.require_may_change(actor, user_id, changes.keys())
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        row = lock_with_owners(uow, actor, user_id, changes)
        require_not_erased(row)
        require_version(row, if_version)
        row = apply_changes(uow, actor, row, real_changes(row, changes))
        result = schemas.user_json(row)
        uow.record(operation, result)
        uow.commit()
    return result


def require_version(row: Any, if_version: int | None) -> None:
    """Nobody changed the person since the caller read this version."""
    if if_version not in {None, row.version}:
        raise errors.stale_version(row.version)


def lock_with_owners(
    uow: UnitOfWork, actor: Actor, user_id: uuid.UUID, changes: Mapping[str, Any]
) -> Any:
    """The person's row, locked; before that the organization's if roles are at stake.

    Two owners who take each other's ownership at the same moment must take turns.
    """
    if "roles" in changes:
        organizations.lock_organization(uow, actor.organization_id)
    return people.lock_user(uow, actor.organization_id, user_id)


def real_changes(row: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `changes` that differ from what is stored."""
    wanted = dict(changes)
    if "roles" in wanted:
        wanted["roles"] = ordered_roles(wanted["roles"])
        if wanted["roles"] == ordered_roles(row.roles):
            del wanted["roles"]
    return {key: value for key, value in wanted.items() if getattr(row, key) != value}


def apply_changes(uow: UnitOfWork, actor: Actor, row: Any, changed: dict[str, Any]) -> Any:
    """Stores what changed, if the actor may and the organization keeps an owner."""
    if not changed:
        return row
    if not LOGIN_FIELDS.isdisjoint(changed):
        access.require_may_manage(actor, row.roles)
    if "roles" in changed:
        check_roles(uow, actor, row, changed["roles"])
    after = {
        field: changed.get(field, getattr(row, field))
        for field in ("email", "username", "external_id")
    }
    if not is_reachable(after):
        raise errors.invalid_fields([("/changes" + UNREACHABLE[0], UNREACHABLE[1])])
    roles_after = changed.get("roles", row.roles)
    record_people_changed(uow, [Change(row.id, changed, row.roles, roles_after)])
    row = people.change_user(uow, actor.organization_id, row.id, changed)
    if "email" in changed:
        # Whoever reads the old mailbox must not get in by what was sent there.
        links.end(uow, actor.organization_id, [row.id])
    uow.publish("user_updated", subject=str(row.id), data=events.users_changed([row]))
    return row


def check_roles(uow: UnitOfWork, actor: Actor, row: Any, roles: list[str]) -> None:
    """Who gives or takes ownership must own; the last owner stays one."""
    access.require_may_change_roles(actor, row.roles, roles)
    if "owner" in row.roles and "owner" not in roles:
        require_another_owner(uow, row.id)


def require_another_owner(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    """Somebody else owns the organization as well."""
    if not people.has_other_active_owner(uow, uow.organization_id, user_id):
        raise errors.last_owner()


def archive_user(
    database: Database, actor: Actor, user_id: uuid.UUID, operation: Operation
) -> dict[str, Any]:
    """Archives a person, whose tokens are worth nothing from that moment. Already archived is fine."""
    access.require_manager(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        organizations.lock_organization(uow, actor.organization_id)
        row = people.lock_user(uow, actor.organization_id, user_id)
        access.require_may_manage(actor, row.roles)
        if row.status != "archived":
            row = archive(uow, actor, row)
        result = schemas.user_json(row)
        uow.record(operation, result)
        uow.commit()
    return result


def archive(uow: UnitOfWork, actor: Actor, row: Any) -> Any:
    """Stores the new status, ends the logins, tells the others."""
    if "owner" in row.roles:
        require_another_owner(uow, row.id)
    if row.id == actor.user_id:
        raise errors.archives_themselves()
    row = people.change_user(uow, actor.organization_id, row.id, {"status": "archived"})
    uow.publish("user_archived", subject=str(row.id), data=events.users_changed([row]))
    links.end(uow, actor.organization_id, [row.id])
    credentials.end_logins(uow, actor.organization_id, row.id)
    publish_revocation(uow, row.id)
    return row


def restore_user(
    database: Database, actor: Actor, user_id: uuid.UUID, operation: Operation
) -> dict[str, Any]:
    """Takes a person back, who must sign in anew. Not archived is fine."""
    access.require_manager(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        row = people.lock_user(uow, actor.organization_id, user_id)
        access.require_may_manage(actor, row.roles)
        require_not_erased(row)
        if row.status == "archived":
            row = restore(uow, actor, row)
        result = schemas.user_json(row)
        uow.record(operation, result)
        uow.commit()
    return result


def require_not_erased(row: Any) -> None:
    """What was erased stays so."""
    if row.erased_at is not None:
        raise errors.erased()


def restore(uow: UnitOfWork, actor: Actor, row: Any) -> Any:
    """Stores the new status and tells the others."""
    has_password = credentials.find_hash(uow, actor.organization_id, row.id) is not None
    status = status_of(has_password=has_password)
    row = people.change_user(uow, actor.organization_id, row.id, {"status": status})
    uow.publish("user_restored", subject=str(row.id), data=events.users_changed([row]))
    return row
