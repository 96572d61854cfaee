"""Queries of organizations."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import UnitOfWork
from identity_service.storage.tables import organizations

COLUMNS = (
    organizations.c.organization_id.label("id"),
    organizations.c.name,
    organizations.c.slug,
    organizations.c.time_zone,
    organizations.c.conflict_policy,
    organizations.c.students_may_book,
    organizations.c.version,
)

INSERT_IF_FREE = (
    insert(organizations)
    .on_conflict_do_nothing(constraint="organizations_slug_key")
    .returning(*COLUMNS)
)
FIND = sa.select(*COLUMNS).where(organizations.c.organization_id == sa.bindparam("organization_id"))
LOCK = FIND.with_for_update()


def add_organization(
    uow: UnitOfWork, organization_id: uuid.UUID, name: str, time_zone: str, slugs: Iterable[str]
) -> Any:
    """The new row, with the first of `slugs` that nobody has. LookupError if all are taken."""
    values = {"organization_id": organization_id, "name": name, "time_zone": time_zone}
    for slug in slugs:
        row = uow.execute(INSERT_IF_FREE, {**values, "slug": slug}).one_or_none()
        if row is not None:
            return row
    raise LookupError("no slug is free")


def find_organization(uow: UnitOfWork, organization_id: uuid.UUID) -> Any | None:
    """The organization's row."""
    return uow.execute(FIND, {"organization_id": organization_id}).one_or_none()


def lock_organization(uow: UnitOfWork, organization_id: uuid.UUID) -> Any | None:
    """The organization's row, locked: changes of its settings and of its owners take turns."""
    return uow.execute(LOCK, {"organization_id": organization_id}).one_or_none()


def change_organization(
    uow: UnitOfWork, organization_id: uuid.UUID, changes: dict[str, Any]
) -> Any:
    """The changed row, one version on."""
    statement = (
        organizations.update()
        .where(organizations.c.organization_id == organization_id)
        .values(**changes, version=organizations.c.version + 1, updated_at=sa.func.now())
        .returning(*COLUMNS)
    )
    return uow.execute(statement).one()
