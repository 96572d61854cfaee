"""Forgetting a person: their conversations are over, and what they wrote is gone. Both keep their place."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Final

from chassis import erasing
from chassis.database import UnitOfWork

ERASED_BODY: Final = "[erased]"

# Locked one by one in the order that everybody takes who locks several. Whoever sends holds the conversation's row, so
# a message is there before this or is refused after it.
CLOSE: Final = """
    WITH theirs AS MATERIALIZED (
        SELECT id FROM conversations
         WHERE organization_id = %(organization_id)s
           AND (instructor_id = %(person_id)s OR student_id = %(person_id)s)
         ORDER BY id FOR UPDATE
    )
    UPDATE conversations SET status = 'closed', erased_at = coalesce(erased_at, now())
     WHERE organization_id = %(organization_id)s AND id IN (SELECT id FROM theirs)
"""
FORGET_BODIES: Final = """
    UPDATE messages SET body = %(body)s
      FROM conversations AS theirs
     WHERE theirs.organization_id = %(organization_id)s
       AND (theirs.instructor_id = %(person_id)s OR theirs.student_id = %(person_id)s)
       AND messages.organization_id = %(organization_id)s AND messages.conversation_id = theirs.id
       AND messages.sender_id = %(person_id)s AND messages.body <> %(body)s
"""


def hold_people(uow: UnitOfWork, people: Iterable[uuid.UUID]) -> None:
    """Opening a conversation and forgetting one of its people take turns."""
    uow.lock(*(f"person:{uow.organization_id}:{person}" for person in people))


def forget(uow: UnitOfWork, person_id: uuid.UUID) -> None:
    """Closes the person's conversations for good and replaces what they wrote."""
    hold_people(uow, [person_id])
    whose = {"organization_id": str(uow.organization_id), "person_id": str(person_id)}
    uow.connection.exec_driver_sql(CLOSE, whose)
    uow.connection.exec_driver_sql(FORGET_BODIES, {**whose, "body": ERASED_BODY})

    def without_body(item: dict[str, Any]) -> dict[str, Any]:
        is_theirs = item.get("sender_id") == str(person_id) and "body" in item
        return {**item, "body": ERASED_BODY} if is_theirs else item

    erasing.rewrite_operations(uow, person_id, without_body)
