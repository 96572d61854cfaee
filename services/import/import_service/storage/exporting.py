"""What the import service holds about one person, as an export shows it."""

from __future__ import annotations

import uuid
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis.exporting import listed
from chassis.fields import rfc3339
from import_service.storage.tables import import_rows, imports

# Columns of a row that tell of other people; to whom somebody is assigned, the assignments say.
OF_OTHERS: Final = frozenset({"instructors", "students"})


def row(found: Any, _: uuid.UUID) -> dict[str, Any]:
    """A row of a file: its cells under the file's own headers, and what became of it."""
    columns = (found.detected or {}).get("columns", [])
    cells = zip(columns, found.cells, strict=False)
    return {
        "import_id": str(found.import_id),
        "row": found.line,
        "cells": {c["header"]: cell for c, cell in cells if c["field"] not in OF_OTHERS},
        "outcome": found.outcome,
        "applied": found.applied,
        "changes": found.changes or [],
    }


def upload(found: Any, _: uuid.UUID) -> dict[str, Any]:
    """A file that the person uploaded or applied; whom it was about is theirs, not the person's."""
    return {
        "id": str(found.id),
        "filename": found.filename,
        "size": found.size,
        "status": found.status,
        "counts": found.counts,
        "created_at": rfc3339(found.created_at),
    }


SECTIONS: Final = (
    listed(
        "uploaded_rows",
        "The rows of uploaded files that are about the person.",
        sa.select(
            import_rows.c.position,
            import_rows.c.import_id,
            import_rows.c.line,
            import_rows.c.cells,
            import_rows.c.outcome,
            import_rows.c.applied,
            import_rows.c.changes,
            imports.c.detected,
        )
        .join(
            imports,
            (imports.c.organization_id == import_rows.c.organization_id)
            & (imports.c.id == import_rows.c.import_id),
        )
        .where(
            import_rows.c.organization_id == sa.bindparam("organization_id"),
            import_rows.c.user_id == sa.cast(sa.bindparam("person_id", type_=sa.Uuid), sa.Uuid),
        ),
        (import_rows.c.position,),
        row,
    ),
    listed(
        "uploads",
        "The files that the person has uploaded or applied, without their contents.",
        sa.select(imports).where(
            imports.c.organization_id == sa.bindparam("organization_id"),
            sa.cast(imports.c.actor, JSONB)["user_id"].astext
            == sa.cast(sa.bindparam("person_id", type_=sa.Uuid), sa.Text),
        ),
        (imports.c.number,),
        upload,
    ),
)
