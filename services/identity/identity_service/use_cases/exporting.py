"""A copy of what identity holds about one person."""

from __future__ import annotations

import uuid
from typing import Any

from chassis import audit, exporting
from chassis.context import Actor
from chassis.database import Database
from identity_service import errors
from identity_service.storage import people
from identity_service.storage.exporting import SECTIONS


def export_person(
    database: Database, actor: Actor, user_id: uuid.UUID, cursor: str | None
) -> dict[str, Any]:
    """A page of it; for the person and for owners. That it was handed out stands on record before it is."""
    exporting.require_own_or_owner(actor, user_id)
    with database.unit_of_work(actor.organization_id) as uow:
        if cursor is None and people.find_user(uow, actor.organization_id, user_id) is None:
            raise errors.unknown_user()
        page = exporting.export_page(uow, user_id, cursor, SECTIONS)
        if cursor is None:
            audit.record(uow, "user.exported", targets=[user_id])
            uow.commit()
    return page
