"""Signing an organization up, reading and changing it."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from chassis import audit
from chassis.context import Actor, Operation
from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.errors import NotFound
from identity_service import access, errors, events, schemas
from identity_service.domain.organizations import slug_candidates
from identity_service.domain.tokens import Tokens
from identity_service.storage import organizations, people
from identity_service.storage.credentials import Login
from identity_service.use_cases import sign_in
from identity_service.use_cases.hashing import Hashing
from identity_service.use_cases.new_passwords import require_strong
from identity_service.use_cases.recording import record_organization_changed


def create_organization(
    database: Database,
    tokens: Tokens,
    hashing: Hashing,
    arguments: dict[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """A new organization and its owner, who is signed in. A repeated call answers the same tokens."""
    owner = arguments["owner"]
    require_strong(owner["password"], "/owner/password", owner, [arguments["name"]])
    with hashing.place() as place:
        password_hash = place.hash(owner["password"])
    with database.unit_of_work(SYSTEM) as uow:
        done = uow.replay(operation)
        if done is None:
            done = sign_up(uow, tokens, arguments, password_hash, operation)
            uow.record(operation, done)
            uow.commit()
    return sign_in.with_tokens(done, tokens, operation)


def sign_up(
    uow: UnitOfWork,
    tokens: Tokens,
    arguments: dict[str, Any],
    password_hash: str,
    operation: Operation,
) -> dict[str, Any]:
    """Stores organization, owner and login, and answers what may be recorded: everything but the tokens."""
    organization = organizations.add_organization(
        uow,
        uuid.uuid4(),
        arguments["name"],
        arguments["time_zone"],
        slug_candidates(arguments["name"], secrets.token_hex(4)),
    )
    owner = add_owner(uow, organization, arguments["owner"], password_hash)
    login = Login(organization.id, uuid.uuid4(), owner.id)
    sign_in.start_login(uow, tokens, login, operation, datetime.now(UTC))
    return sign_in.answer(tokens, owner, organization)


def add_owner(uow: UnitOfWork, organization: Any, owner: dict[str, Any], password_hash: str) -> Any:
    """Stores the first person and tells the others of organization and person."""
    row = people.add_user(
        uow,
        organization.id,
        {
            "id": uuid.uuid4(),
            "roles": ["owner"],
            "first_name": owner["first_name"],
            "last_name": owner["last_name"],
            "email": owner["email"],
            "time_zone": organization.time_zone,
            "status": "active",
            "password_hash": password_hash,
        },
    )
    uow.publish(
        "organization_created",
        subject=str(organization.id),
        data={"organization": schemas.organization_json(organization)},
        organization_id=organization.id,
    )
    uow.publish(
        "user_created",
        subject=str(row.id),
        data=events.users_created([row], [], None),
        organization_id=organization.id,
    )
    audit.record(
        uow,
        "organization.created",
        targets=[organization.id, row.id],
        actor_id=row.id,
        organization_id=organization.id,
    )
    return row


def get_organization(database: Database, actor: Actor) -> dict[str, Any]:
    """The actor's organization."""
    with database.unit_of_work(actor.organization_id) as uow:
        row = organizations.find_organization(uow, actor.organization_id)
    return schemas.organization_json(found(row))


def update_organization(
    database: Database,
    actor: Actor,
    changes: dict[str, Any],
    if_version: int | None,
    operation: Operation,
) -> dict[str, Any]:
    """Changes name or settings; what stays the same makes neither a new version nor an event."""
    access.require_manager(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        row = found(organizations.lock_organization(uow, actor.organization_id))
        if if_version not in {None, row.version}:
            raise errors.stale_version(row.version)
        changed = {key: value for key, value in changes.items() if getattr(row, key) != value}
        if changed:
            record_organization_changed(uow, row, changed)
            row = organizations.change_organization(uow, actor.organization_id, changed)
            publish_update(uow, row)
        result = schemas.organization_json(row)
        uow.record(operation, result)
        uow.commit()
    return result


def publish_update(uow: UnitOfWork, row: Any) -> None:
    """Tells the others of an organization's new settings."""
    data = {"organization": schemas.organization_json(row)}
    uow.publish("organization_updated", subject=str(row.id), data=data)


def found(row: Any | None) -> Any:
    """The organization, or NotFound."""
    if row is None:
        raise NotFound("identity.unknown_organization", "There is no such organization.")
    return row
