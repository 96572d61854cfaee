"""The bytes of uploaded files, in chunks of up to 1 MiB."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Database, UnitOfWork
from import_service.storage.imports import IMPORT, ORGANIZATION, place
from import_service.storage.tables import import_chunks

OF_IMPORT: Final = (
    import_chunks.c.organization_id == ORGANIZATION,
    import_chunks.c.import_id == IMPORT,
)
SIZE_OF_OTHERS: Final = sa.select(sa.func.coalesce(sa.func.sum(import_chunks.c.size), 0)).where(
    *OF_IMPORT, import_chunks.c.position != sa.bindparam("position")
)
# Computed by PostgreSQL: the bytes need not travel for it, nor keep the event loop busy.
SUMMARY: Final = sa.select(
    sa.func.count().label("chunks"),
    sa.func.coalesce(sa.func.max(import_chunks.c.position), -1).label("last"),
    sa.func.coalesce(sa.func.sum(import_chunks.c.size), 0).label("size"),
    sa.func.encode(
        sa.func.sha256(
            sa.func.coalesce(
                sa.func.string_agg(
                    import_chunks.c.content,
                    sa.cast(sa.literal(b""), sa.LargeBinary),
                ).aggregate_order_by(import_chunks.c.position),
                sa.cast(sa.literal(b""), sa.LargeBinary),
            )
        ),
        "hex",
    ).label("sha256"),
).where(*OF_IMPORT)
CONTENT: Final = sa.select(import_chunks.c.content).where(
    *OF_IMPORT, import_chunks.c.position == sa.bindparam("position")
)


def put(uow: UnitOfWork, import_id: uuid.UUID, position: int, content: bytes) -> None:
    """Stores a chunk, in place of one that came before at its position."""
    statement = insert(import_chunks).values(
        **place(uow, import_id), position=position, content=content, size=len(content)
    )
    uow.execute(
        statement.on_conflict_do_update(
            constraint="import_chunks_pkey",
            set_={"content": statement.excluded.content, "size": statement.excluded.size},
        )
    )


def size_of_others(uow: UnitOfWork, import_id: uuid.UUID, position: int) -> int:
    """How many bytes arrived in the other chunks."""
    found = uow.execute(SIZE_OF_OTHERS, {**place(uow, import_id), "position": position})
    return int(found.scalar_one())


def summary(uow: UnitOfWork, import_id: uuid.UUID) -> Any:
    """Number, last position, total size and SHA-256 of what arrived."""
    return uow.execute(SUMMARY, place(uow, import_id)).one()


def contents(
    database: Database, organization_id: uuid.UUID, import_id: uuid.UUID
) -> Iterator[bytes]:
    """The chunks in order, each read in a transaction of its own."""
    position = 0
    while True:
        with database.unit_of_work(organization_id) as uow:
            found = uow.execute(CONTENT, {**place(uow, import_id), "position": position})
            content = found.scalar_one_or_none()
        if content is None:
            return
        yield bytes(content)
        position += 1


def forget_old(uow: UnitOfWork, days: int, most: int = 100) -> None:
    """Deletes some of the organization's chunks that are older than `days`: they were read long ago."""
    old = (
        sa.select(import_chunks.c.import_id, import_chunks.c.position)
        .where(
            import_chunks.c.organization_id == uow.organization_id,
            import_chunks.c.created_at < sa.func.now() - timedelta(days=days),
        )
        .limit(most)
    )
    uow.execute(
        import_chunks.delete().where(
            import_chunks.c.organization_id == uow.organization_id,
            sa.tuple_(import_chunks.c.import_id, import_chunks.c.position).in_(old),
        )
    )
