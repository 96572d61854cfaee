"""What people see of an import: its state, its rows, its report, and the template to start from."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

from chassis.context import Actor
from chassis.database import Database, UnitOfWork
from chassis.pages import decode_cursor, encode_cursor, page
from import_service import access, errors, reporting, schemas, storage
from import_service.domain import ROWS_PER_IMPORT, Outcome
from import_service.use_cases.state import require_import

REPORT_ROWS: Final = 500


def get_import(database: Database, actor: Actor, import_id: uuid.UUID) -> dict[str, Any]:
    """The import's state, figures and, if it failed, why."""
    access.require_importer(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        return schemas.import_json(require_import(storage.imports.find(uow, import_id)))


def list_rows(
    database: Database,
    actor: Actor,
    *,
    import_id: uuid.UUID,
    outcome: Outcome | None,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """A page of rows in the file's order, with what each would do or did."""
    access.require_importer(actor)
    after = place_of(cursor)
    with database.unit_of_work(actor.organization_id) as uow:
        upload = require_import(storage.imports.find(uow, import_id))
        rows = storage.rows.page(uow, upload, after=after, most=limit + 1, outcome=outcome)
        assignments = assignments_of(uow, [row.position for row in rows])
    return page(
        rows,
        limit,
        lambda row: schemas.row_json(row, assignments.get(row.position, [])),
        lambda row: [place_in_file(row)],
    )


def place_of(cursor: str | None) -> int:
    """The place of the row after which a page starts, counted from 0."""
    if cursor is None:
        return -1
    (after,) = decode_cursor(cursor, place)
    return int(after)


def place(value: Any) -> int:
    """A row's place in a cursor; ValueError for what can't be one."""
    if type(value) is not int or not 0 <= value < ROWS_PER_IMPORT:
        raise ValueError("no place of a row")
    return value


def place_in_file(row: Any) -> int:
    """A row's place in its file, counted from 0."""
    return int(row.position % ROWS_PER_IMPORT)


def assignments_of(uow: UnitOfWork, positions: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The pairs that each row names."""
    found: dict[int, list[dict[str, Any]]] = {}
    for pair in storage.pairs.named_by(uow, positions):
        if pair.named_by_instructor:
            found.setdefault(pair.instructor_position, []).append(schemas.pair_json(pair))
        if pair.named_by_student:
            found.setdefault(pair.student_position, []).append(schemas.pair_json(pair))
    return found


def report(
    database: Database, actor: Actor, import_id: uuid.UUID, cursor: str | None
) -> dict[str, Any]:
    """A part of the report: the uploaded rows with what became of each. Conflict while the file is not read."""
    access.require_importer(actor)
    after = place_of(cursor)
    with database.unit_of_work(actor.organization_id) as uow:
        upload = require_import(storage.imports.find(uow, import_id))
        if upload.detected is None:
            raise errors.wrong_status(upload.status, "it has no rows to report")
        rows = storage.rows.page(uow, upload, after=after, most=REPORT_ROWS + 1)
    shown = rows[:REPORT_ROWS]
    content = reporting.write(upload.detected, upload.status, shown, with_header=cursor is None)
    more = len(rows) > REPORT_ROWS
    return {
        "content": content,
        "next_cursor": encode_cursor(place_in_file(shown[-1])) if more else None,
    }


def template(actor: Actor) -> dict[str, str]:
    """A file that shows every column, and imports without error as it is."""
    access.require_importer(actor)
    return {"content": reporting.TEMPLATE}
