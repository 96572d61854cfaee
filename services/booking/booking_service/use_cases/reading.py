"""Reading sessions: administrators all of the organization's, everybody else their own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from booking_service import access, storage
from booking_service.domain import Session
from booking_service.schemas import session_view
from chassis.context import Actor
from chassis.database import Database
from chassis.pages import decode_cursor, moment, page


def find_session(database: Database, actor: Actor, session_id: uuid.UUID) -> Session:
    """The session as it is now, unlocked; UnknownSession if the actor may not see it."""
    with database.unit_of_work(actor.organization_id) as uow:
        return access.require_visible(actor, storage.read_session(uow, session_id))


def get_session(database: Database, actor: Actor, session_id: uuid.UUID) -> dict[str, Any]:
    """One session."""
    return session_view(find_session(database, actor, session_id))


def list_sessions(database: Database, actor: Actor, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A page of sessions by start."""
    limit = arguments["limit"]
    cursor = arguments["cursor"]
    after = None if cursor is None else _position(cursor)
    of_person = None if access.is_admin(actor) else actor.user_id
    with database.unit_of_work(actor.organization_id) as uow:
        found = storage.list_sessions(
            uow, arguments, of_person=of_person, after=after, limit=limit + 1
        )
    return page(found, limit, session_view, lambda last: (last.starts_at.isoformat(), last.id))


def _position(cursor: str) -> tuple[datetime, uuid.UUID]:
    starts_at, session_id = decode_cursor(cursor, moment, uuid.UUID)
    return starts_at.astimezone(UTC), session_id
