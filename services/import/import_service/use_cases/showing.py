"""What people see of an import: its state, its rows, its report, and the template to start from."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from chassis.context import Actor
from chassis.database import Database, UnitOfWork
from chassis.pages import decode_cursor, encode_cursor, filled, page
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
        found = storage.rows.shown(uow, upload, after=after, outcome=outcome)
        return page(
            with_assignments(uow, found),
            limit,
            lambda shown: schemas.row_json(*shown),
            lambda shown: [place_in_file(shown[0])],
        )


def with_assignments(
    uow: UnitOfWork, found: Iterator[Sequence[Any]]
) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Each row, and the pairs that it names."""
    for rows in found:
        assignments = assignments_of(uow, [row.position for row in rows])
        yield from ((row, assignments.get(row.position, [])) for row in rows)


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
        found = storage.rows.reported(uow, upload, after=after)
        line = partial(reporting.line, upload.detected, upload.status)
        lines, last = filled(chain.from_iterable(found), REPORT_ROWS, line)
    header = reporting.header(upload.detected) if cursor is None else ""
    return {
        "content": header + "".join(lines),
        "next_cursor": None if last is None else encode_cursor(place_in_file(last)),
    }


def template(actor: Actor) -> dict[str, str]:
    """A file that shows every column, and imports without error as it is."""
    access.require_importer(actor)
    return {"content": reporting.TEMPLATE}
