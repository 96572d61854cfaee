"""Checking and writing out whole audit logs, stored or exported: the work of operators and auditors."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from chassis.database import SYSTEM, Database
from identity_service.domain.audit import (
    BrokenChain,
    Head,
    check_end,
    exported,
    follow_all,
)
from identity_service.storage import audit

# Below every number, so that one which should not be there is found as well.
BEFORE_ALL = -(2**63)
READ_AT_ONCE = 250


def organizations(database: Database, slug: str | None) -> dict[str, uuid.UUID]:
    """All organizations by slug, or the one asked for; empty if that is not known."""
    with database.unit_of_work(SYSTEM) as uow:
        rows = audit.list_organizations(uow)
    return {row.slug: row.organization_id for row in rows if slug in {None, row.slug}}


def verify_stored(
    database: Database, organization_id: uuid.UUID, anchor: Head | None = None
) -> Head:
    """The head of an organization's log, of which every entry is as it was written; BrokenChain otherwise."""
    head, newest = end_of(database, organization_id)
    entries = stored_entries(database, organization_id, max(head.number, newest))
    check_end(follow_all(entries, anchor), head)
    return head


def end_of(database: Database, organization_id: uuid.UUID) -> tuple[Head, int]:
    """The head and the newest entry's number; BrokenChain when even the head is gone."""
    with database.unit_of_work(organization_id) as uow:
        end = audit.find_end(uow, organization_id)
    if end is None:
        raise BrokenChain(1, "is missing, and so is the head of the chain")
    return end


def stored_entries(
    database: Database, organization_id: uuid.UUID, up_to: int
) -> Iterator[dict[str, Any]]:
    """Entries as exports show them, read a few at a time."""
    after = BEFORE_ALL
    while True:
        with database.unit_of_work(organization_id) as uow:
            entries = audit.read_in_order(
                uow, organization_id, after=after, up_to=up_to, limit=READ_AT_ONCE
            )
        if not entries:
            return
        yield from map(exported, entries)
        after = entries[-1].number


def export_lines(database: Database, organization_id: uuid.UUID) -> Iterator[bytes]:
    """An organization's log as lines of JSON, the last of which is the head."""
    head, _ = end_of(database, organization_id)
    for entry in stored_entries(database, organization_id, head.number):
        yield orjson.dumps(entry)
    yield orjson.dumps({"head": {"number": head.number, "hash": head.hash.hex()}})


def verify_lines(lines: Iterable[bytes], anchor: Head | None = None) -> Head:
    """As `verify_stored`, of an export."""
    found: list[Head] = []
    last = follow_all(entries_of(lines, found), anchor)
    if not found:
        raise BrokenChain(last.number + 1, "may be missing: the export has no line with its head")
    check_end(last, found[0])
    return last


def entries_of(lines: Iterable[bytes], heads: list[Head]) -> Iterator[dict[str, Any]]:
    """The entries of an export; puts what its last line says into `heads`."""
    for position, line in enumerate(lines, 1):
        try:
            members = orjson.loads(line)
            if heads:
                raise BrokenChain(position, "stands behind the end of the export")
            if "head" in members:
                head = members["head"]
                heads.append(Head(int(head["number"]), bytes.fromhex(head["hash"])))
            else:
                yield dict(members)
        except (ValueError, TypeError, KeyError) as error:
            raise BrokenChain(position, "can't be read") from error
