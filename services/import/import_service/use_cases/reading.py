"""The first step: from the uploaded bytes to rows."""

from __future__ import annotations

from functools import partial
from typing import Any

from chassis.database import UnitOfWork
from import_service import storage
from import_service.child import read_file
from import_service.domain import Step, positions_of
from import_service.reading.problems import UnreadableFile
from import_service.use_cases.turns import Next, Turn, fail, settle


def read_upload(turn: Turn) -> Any | None:
    """Reads the file in a child process and stores its rows; read again after a kill, they are the same."""
    found: dict[str, Any] = {}
    content = storage.uploads.contents(turn.database, turn.organization_id, turn.import_id)
    try:
        read_file(content, on_start=found.update, on_batch=partial(store_batch, turn))
    except UnreadableFile as problem:
        return fail(turn, problem.to_json())
    return settle(turn, partial(note_content, turn, found))


def store_batch(turn: Turn, batch: str) -> None:
    """Stores some hundred rows."""
    with turn.database.unit_of_work(turn.organization_id) as uow:
        storage.rows.insert_json(uow, turn.upload, batch)
        uow.commit()


def note_content(turn: Turn, found: dict[str, Any], uow: UnitOfWork) -> Next:
    """Stores what the file is; planning comes next."""
    rows, naming = storage.rows.count_naming(uow, turn.upload)
    counts = {**turn.upload.counts, "rows": rows}
    storage.imports.change(
        uow,
        turn.import_id,
        detected=found["detected"],
        rows=rows,
        counts=counts,
        work_total=rows + naming,
    )
    return Next(Step.PLAN_PEOPLE, positions_of(turn.upload.number).start)
