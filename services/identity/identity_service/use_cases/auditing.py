"""Keeping the audit log, and letting the organization's owner read it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from chassis.batches import first_deliveries
from chassis.context import Actor
from chassis.database import Database
from chassis.events import Event
from chassis.pages import decode_cursor, filled, page
from identity_service import access, audited
from identity_service.domain.audit import BEGINNING, MAX_NUMBER, chained, exported
from identity_service.storage import audit

# One for all events: each comes from one queue only.
HANDLER = "audit"
EXPORTED_AT_ONCE = 250


def append(database: Database, events: Sequence[Event]) -> None:
    """Puts events on record, each once, in the order of the sequence; a transaction per organization."""
    by_organization: dict[uuid.UUID, list[Event]] = {}
    for event in events:
        by_organization.setdefault(event.organization_id, []).append(event)
    for organization_id, theirs in by_organization.items():
        append_to_one(database, organization_id, theirs)


def append_to_one(database: Database, organization_id: uuid.UUID, events: Sequence[Event]) -> None:
    """As `append`, for one organization: whoever holds the head's lock gives the next numbers, so there are no gaps."""
    with database.unit_of_work(organization_id) as uow:
        new = first_deliveries(uow, events, HANDLER)
        if not new:
            return
        facts = audited.facts_of(new)
        head = audit.lock_head(uow)
        audit.add_entries(uow, list(chained(head, facts)))
        uow.commit()


def list_audit(
    database: Database,
    actor: Actor,
    *,
    limit: int,
    cursor: str | None,
    **filters: Any,
) -> dict[str, Any]:
    """A page of the organization's log, newest first; of the filters those that are not None hold."""
    access.require_may_read_audit(actor)
    before = decode_cursor(cursor, moment, number) if cursor is not None else None
    with database.unit_of_work(actor.organization_id) as uow:
        wanted = {name: value for name, value in filters.items() if value is not None}
        entries = audit.newest(uow, wanted, before=before, limit=limit + 1)
    return page(entries, limit, exported, lambda last: (last.fact.at.isoformat(), last.number))


def moment(text: str) -> datetime:
    """A cursor's moment; ValueError for one without an offset."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no offset")
    return found.astimezone(UTC)


def number(value: Any) -> int:
    """A cursor's number; ValueError for one that no column holds."""
    if not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
        raise ValueError("no number of an entry")
    return value


def export_audit(
    database: Database, actor: Actor, *, after: int, up_to: int | None
) -> dict[str, Any]:
    """Entries by number, as many as fit an answer, and the head. None come when all up to the head or `up_to` did."""
    access.require_may_read_audit(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        end = audit.find_end(uow, actor.organization_id)
        head = end[0] if end is not None else BEGINNING
        last = head.number if up_to is None else min(up_to, head.number)
        entries = audit.read_in_order(
            uow, actor.organization_id, after=after, up_to=last, limit=EXPORTED_AT_ONCE
        )
    items, _ = filled(entries, EXPORTED_AT_ONCE, exported)
    return {
        "items": items,
        "head": {"number": head.number, "hash": head.hash.hex()},
    }
