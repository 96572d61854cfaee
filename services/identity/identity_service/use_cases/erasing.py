"""Erasing a person: the name goes, the id stays, so that everybody else's history still tells what happened.

The person's own row changes at once. What else identity knows by their name (words for searching, results kept for
repeated calls) goes when its own event `user_erased` comes back, as in every other service.
"""

from __future__ import annotations

import unicodedata
import uuid
from typing import Any, Final

import sqlalchemy as sa

from chassis import audit, erasing
from chassis.context import Actor, Operation
from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.events import Event
from chassis.exporting import require_owner
from identity_service import errors, events, schemas
from identity_service.storage import credentials, links, organizations, people
from identity_service.storage import erasing as rows
from identity_service.use_cases.lifecycle import require_another_owner
from identity_service.use_cases.new_passwords import publish_revocation
from identity_service.use_cases.people import default_zone

HANDLER: Final = "on_identity_user_erased"
NOTHING: Final[dict[str, Any]] = dict.fromkeys(("email", "username", "phone", "external_id"))
ERASED_NAME: Final = {"first_name": "Erased", "last_name": "person"}
# Whereby files name people.
NAMES: Final = ("email", "username", "external_id", "phone", "first_name", "last_name")


def erase_user(
    database: Database, actor: Actor, user_id: uuid.UUID, confirm: str, operation: Operation
) -> dict[str, Any]:
    """Erases a person, for good. Erased already is fine, whatever confirms it."""
    require_owner(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        organizations.lock_organization(uow, actor.organization_id)
        row = people.lock_user(uow, actor.organization_id, user_id)
        if row.erased_at is None:
            require_may_be_erased(uow, actor, row, confirm)
            row = erase(uow, row)
        result = schemas.user_json(row)
        uow.record(operation, result)
        uow.commit()
    return result


def require_may_be_erased(uow: UnitOfWork, actor: Actor, row: Any, confirm: str) -> None:
    """The right person is meant, who is not the actor, and the organization keeps an owner."""
    if row.id == actor.user_id:
        raise errors.erases_themselves()
    if plain(confirm) != plain(f"{row.first_name} {row.last_name}"):
        raise errors.wrong_confirmation()
    if "owner" in row.roles and row.status == "active":
        require_another_owner(uow, row.id)


def plain(name: str) -> str:
    """A name as people type it."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def erase(uow: UnitOfWork, row: Any) -> Any:
    """Replaces the names, ends the logins, tells everybody."""
    names = {name: getattr(row, name) for name in NAMES if getattr(row, name)}
    rows.keep_names(uow, row.id, names)
    changes = {
        **NOTHING,
        **ERASED_NAME,
        "status": "archived",
        "password_hash": None,  # nosec B105 # there is none any more
        "time_zone": default_zone(uow, uow.organization_id),
        "erased_at": sa.func.now(),
    }
    row = people.change_user(uow, uow.organization_id, row.id, changes)
    audit.record(uow, "user.erased", targets=[row.id])
    credentials.end_logins(uow, uow.organization_id, row.id)
    links.end(uow, uow.organization_id, [row.id])
    publish_revocation(uow, row.id)
    uow.publish("user_erased", subject=str(row.id), data=events.users_changed([row]))
    return row


def forget_erased(database: Database, event: Event) -> None:
    """Identity's own part of a `user_erased`: what it knows of the people outside of their rows."""
    for user_id in erasing.people_in(event):
        # Results of signing in belong to no organization.
        with database.unit_of_work(SYSTEM) as uow:
            rewrite_operations(uow, user_id)
            uow.commit()
    erasing.erase(database, event, HANDLER, forget)


def forget(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    """Everything but the row itself."""
    rows.forget_words(uow)
    rows.forget_mails(uow, user_id)
    rewrite_operations(uow, user_id)


def rewrite_operations(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    """Makes repeated calls answer with the erased person."""

    def without_names(item: dict[str, Any]) -> dict[str, Any]:
        if item.get("id") != str(user_id) or "first_name" not in item:
            return item
        return {**item, **NOTHING, **ERASED_NAME, "status": "archived"}

    erasing.take_time(uow)
    erasing.rewrite_operations(uow, user_id, without_names)


def former_names(database: Database, actor: Actor, user_id: uuid.UUID) -> dict[str, Any]:
    """What an erased person was called, for the import service to find it in files; empty once that is done."""
    require_owner(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        return {"names": rows.find_names(uow, user_id)}


def forget_former_names(database: Database, actor: Actor, user_id: uuid.UUID) -> None:
    """Called by the import service when it is done."""
    require_owner(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        rows.forget_names(uow, user_id)
        uow.commit()
