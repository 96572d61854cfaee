"""Searching for people."""

from __future__ import annotations

import uuid
from typing import Any

from chassis.context import Actor
from chassis.database import Database
from chassis.pages import decode_cursor, page
from identity_service import access, schemas
from identity_service.storage import search
from identity_service.storage.search import FIRST_PLACE, Wanted


def search_users(database: Database, actor: Actor, arguments: dict[str, Any]) -> dict[str, Any]:
    """A page of people, best match first; everybody by name when nothing is asked for."""
    limit, cursor = arguments["limit"], arguments["cursor"]
    wanted = Wanted(
        q=arguments["q"] or "",
        role=arguments["role"],
        status=arguments["status"],
        limit=limit + 1,
        place=place_of(cursor) if cursor else FIRST_PLACE,
    )
    only = access.visible_among(actor, arguments["among"])
    with database.unit_of_work(actor.organization_id) as uow:
        rows = search.search(uow, wanted) if only is None else search.among(uow, wanted, only)
    return page(rows, limit, schemas.user_json, lambda row: (row[-2], row[-1], str(row.id)))


def place_of(cursor: str) -> tuple[int, str, str]:
    """The place that a cursor names."""
    rank, key, user_id = decode_cursor(cursor, small_number, text, uuid.UUID)
    return rank, key, str(user_id)


def small_number(value: Any) -> int:
    """A class of results."""
    if value not in {1, 2, 3, 4} or isinstance(value, bool):
        raise ValueError("not a class")
    return int(value)


def text(value: Any) -> str:
    """A key that PostgreSQL can take."""
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("not a key")
    value.encode()
    return value
