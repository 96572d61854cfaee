"""Imports: their state, the step that is due, their figures."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from chassis.context import Actor
from chassis.database import UnitOfWork
from import_service.domain import Status, no_counts, positions_of
from import_service.storage.tables import import_pairs, import_rows, imports

ORGANIZATION: Final = sa.bindparam("organization_id", type_=sa.Uuid)
IMPORT: Final = sa.bindparam("import_id", type_=sa.Uuid)

FIND: Final = sa.select(imports).where(
    imports.c.organization_id == ORGANIZATION, imports.c.id == IMPORT
)
LOCK: Final = FIND.with_for_update()

COUNT_ROWS: Final = (
    sa.select(import_rows.c.outcome, import_rows.c.applied, sa.func.count().label("number"))
    .where(
        import_rows.c.organization_id == ORGANIZATION,
        import_rows.c.position.between(sa.bindparam("first"), sa.bindparam("last")),
    )
    .group_by(import_rows.c.outcome, import_rows.c.applied)
)
COUNT_PAIRS: Final = (
    sa.select(import_pairs.c.planned, import_pairs.c.outcome, sa.func.count().label("number"))
    .where(import_pairs.c.organization_id == ORGANIZATION, import_pairs.c.import_id == IMPORT)
    .group_by(import_pairs.c.planned, import_pairs.c.outcome)
)


def place(uow: UnitOfWork, import_id: uuid.UUID) -> dict[str, Any]:
    """The parameters that confine a statement to one import of the organization."""
    return {"organization_id": uow.organization_id, "import_id": import_id}


def find(uow: UnitOfWork, import_id: uuid.UUID) -> Any:
    """The import, or None."""
    return uow.execute(FIND, place(uow, import_id)).one_or_none()


def lock(uow: UnitOfWork, import_id: uuid.UUID) -> Any:
    """The import, changed by nobody else until the transaction ends; or None."""
    return uow.execute(LOCK, place(uow, import_id)).one_or_none()


def insert(uow: UnitOfWork, actor: Actor, **values: Any) -> Any:
    """A new import whose file is yet to arrive."""
    statement = (
        imports.insert()
        .values(
            organization_id=uow.organization_id,
            id=uuid.uuid4(),
            status=Status.READING.value,
            actor=actor_json(actor),
            counts=no_counts(),
            **values,
        )
        .returning(imports)
    )
    return uow.execute(statement).one()


def change(uow: UnitOfWork, import_id: uuid.UUID, **values: Any) -> Any:
    """Sets columns of one import and returns it."""
    statement = (
        imports.update()
        .where(imports.c.organization_id == uow.organization_id, imports.c.id == import_id)
        .values(**values)
        .returning(imports)
    )
    return uow.execute(statement).one()


def actor_json(actor: Actor) -> dict[str, Any]:
    """The person on whose behalf the steps run, as stored."""
    return {"user_id": str(actor.user_id), "roles": sorted(actor.roles)}


def actor_of(row: Any) -> Actor:
    """The person on whose behalf the steps of an import run, confined to its organization."""
    roles = frozenset(row.actor["roles"])
    return Actor(uuid.UUID(row.actor["user_id"]), row.organization_id, roles)


def planned_counts(uow: UnitOfWork, upload: Any) -> dict[str, int]:
    """`counts` of a plan."""
    counts = no_counts()
    for row in row_groups(uow, upload):
        counts["rows"] += row.number
        if row.outcome is not None:
            counts[row.outcome] += row.number
    for pair in uow.execute(COUNT_PAIRS, place(uow, upload.id)):
        add_pairs(counts, pair.planned, pair.number)
    return counts


def applied_counts(uow: UnitOfWork, upload: Any) -> dict[str, int]:
    """`counts` of what was done: rows that were not reached count in `rows` only."""
    counts = no_counts()
    for row in row_groups(uow, upload):
        counts["rows"] += row.number
        if row.applied or row.outcome == "invalid":
            counts[row.outcome] += row.number
    for pair in uow.execute(COUNT_PAIRS, place(uow, upload.id)):
        add_pairs(counts, pair.outcome, pair.number)
    return counts


def row_groups(uow: UnitOfWork, upload: Any) -> Iterable[Any]:
    """The rows by outcome and whether they were applied."""
    positions = positions_of(upload.number)
    bounds = {"first": positions.start, "last": positions.stop - 1}
    return uow.execute(COUNT_ROWS, {"organization_id": uow.organization_id, **bounds})


def add_pairs(counts: dict[str, int], outcome: str | None, number: int) -> None:
    """Counts pairs that are created or ended; others change nothing."""
    if outcome == "assigned":
        counts["assign"] += number
    elif outcome == "ended":
        counts["unassign"] += number
