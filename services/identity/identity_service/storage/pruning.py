"""Deleting what is over, a bounded number of rows at a time."""

from __future__ import annotations

import sqlalchemy as sa

from chassis.database import UnitOfWork


def prune(uow: UnitOfWork, table: sa.Table, is_over: sa.ColumnElement[bool], limit: int) -> int:
    """Deletes up to `limit` of a table's rows that are over, and returns how many; call again while that is `limit`.

    The table's key must be `organization_id` and `id`.
    """
    gone = sa.select(table.c.organization_id, table.c.id).where(is_over).limit(limit).cte("gone")
    is_gone = (table.c.organization_id == gone.c.organization_id) & (table.c.id == gone.c.id)
    return uow.rows_of(table.delete().where(is_gone)).rowcount
