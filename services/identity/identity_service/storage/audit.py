"""Queries of the audit log. Entries are only ever added, by whoever holds the lock of the chain's head."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import orjson
import sqlalchemy as sa

from chassis.database import UnitOfWork
from identity_service.domain.audit import Entry, Fact, Head
from identity_service.storage.audit_tables import audit_entries
from identity_service.storage.tables import organizations

LOCK_HEAD: Final = (
    "SELECT number, hash FROM audit_heads WHERE organization_id = %(organization_id)s FOR UPDATE"
)
FIND_END: Final = """
    SELECT head.number, head.hash,
           coalesce((SELECT max(number) FROM audit_entries WHERE organization_id = head.organization_id), 0) AS last
      FROM audit_heads AS head WHERE organization_id = %(organization_id)s
"""
ENTRY: Final = "(%s, %s, %s, %s, %s, %s, %s::uuid[], %s, %s, %s)"
INSERT_ENTRIES: Final = (
    "INSERT INTO audit_entries (organization_id, number, at, actor_id, address, action, targets, details, "
    "previous_hash, hash) VALUES "
)
MOVE_HEAD: Final = "UPDATE audit_heads SET number = %s, hash = %s WHERE organization_id = %s"

e = audit_entries.c
ORGANIZATION = e.organization_id == sa.bindparam("organization_id")
IN_ORDER = (
    sa.select(audit_entries)
    .where(ORGANIZATION, e.number > sa.bindparam("after"), e.number <= sa.bindparam("up_to"))
    .order_by(e.number)
    .limit(sa.bindparam("limit"))
)
NEWEST_FIRST = (
    sa.select(audit_entries)
    .where(ORGANIZATION)
    .order_by(e.at.desc(), e.number.desc())
    .limit(sa.bindparam("limit"))
)
FILTERS: Final = {
    "from_": e.at >= sa.bindparam("from_"),
    "to": e.at < sa.bindparam("to"),
    "action": e.action == sa.bindparam("action"),
    "actor_id": e.actor_id == sa.bindparam("actor_id"),
    "target_id": e.number.in_(
        sa.select(sa.func.audit_numbers_of(sa.bindparam("target_id", type_=sa.Uuid)))
    ),
}
BEFORE = sa.tuple_(e.at, e.number) < sa.tuple_(
    sa.bindparam("before_at"), sa.bindparam("before_number")
)
ALL_ORGANIZATIONS = sa.select(organizations.c.organization_id, organizations.c.slug).order_by(
    organizations.c.slug
)


def lock_head(uow: UnitOfWork) -> Head:
    """The end of the organization's chain; nobody else adds to it until the transaction ends.

    LookupError for an organization that is not known here.
    """
    keys = {"organization_id": str(uow.organization_id)}
    row = uow.connection.exec_driver_sql(LOCK_HEAD, keys).one_or_none()
    if row is None:
        raise LookupError("the audit log has no such organization")
    return Head(row.number, bytes(row.hash))


def add_entries(uow: UnitOfWork, entries: Sequence[Entry]) -> None:
    """Adds the entries behind the locked head and moves it, in the commit's round trip."""
    values = ", ".join([ENTRY] * len(entries))
    uow.at_commit(INSERT_ENTRIES + values, *chain.from_iterable(row_of(one) for one in entries))
    last = entries[-1]
    uow.at_commit(MOVE_HEAD, last.number, last.hash, str(uow.organization_id))


def row_of(entry: Entry) -> Sequence[Any]:
    """The parameters of `ENTRY`."""
    fact = entry.fact
    return (
        str(fact.organization_id),
        entry.number,
        fact.at,
        None if fact.actor_id is None else str(fact.actor_id),
        fact.address,
        fact.action,
        [str(target) for target in fact.targets],
        orjson.dumps(fact.details).decode(),
        entry.previous_hash,
        entry.hash,
    )


def entry_of(row: Any) -> Entry:
    """A stored entry."""
    fact = Fact(
        row.organization_id,
        row.at,
        row.actor_id,
        row.address,
        row.action,
        tuple(row.targets),
        row.details,
    )
    return Entry(row.number, bytes(row.previous_hash), bytes(row.hash), fact)


def find_end(uow: UnitOfWork, organization_id: uuid.UUID) -> tuple[Head, int] | None:
    """The head and the newest entry's number, of one moment; None without a head."""
    keys = {"organization_id": str(organization_id)}
    row = uow.connection.exec_driver_sql(FIND_END, keys).one_or_none()
    return None if row is None else (Head(row.number, bytes(row.hash)), row.last)


def read_in_order(
    uow: UnitOfWork, organization_id: uuid.UUID, *, after: int, up_to: int, limit: int
) -> list[Entry]:
    """Entries by number."""
    keys = {"organization_id": organization_id, "after": after, "up_to": up_to, "limit": limit}
    return [entry_of(row) for row in uow.execute(IN_ORDER, keys)]


def newest(
    uow: UnitOfWork, filters: Mapping[str, Any], *, before: Sequence[Any] | None, limit: int
) -> list[Entry]:
    """Entries by time, newest first, that pass the `FILTERS` given."""
    statement = NEWEST_FIRST.where(*(FILTERS[name] for name in filters))
    keys = {"organization_id": uow.organization_id, "limit": limit, **filters}
    if before is not None:
        statement = statement.where(BEFORE)
        keys |= {"before_at": before[0], "before_number": before[1]}
    return [entry_of(row) for row in uow.execute(statement, keys)]


def list_organizations(uow: UnitOfWork) -> Sequence[Any]:
    """Id and slug of every organization that the unit of work may see."""
    return uow.execute(ALL_ORGANIZATIONS).all()
