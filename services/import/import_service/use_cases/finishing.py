"""The ends of planning and of applying: everything is counted once more, from what is stored."""

from __future__ import annotations

from functools import partial
from typing import Any

from chassis.database import UnitOfWork
from import_service import events, storage
from import_service.domain import CHUNK_ROWS, Status, fallen, parts
from import_service.use_cases.state import end, start_applying
from import_service.use_cases.turns import Turn, settle


def finish_plan(turn: Turn) -> Any | None:
    """The plan stands. If that is what was asked for, it is applied at once."""
    return settle(turn, partial(store_plan, turn))


def store_plan(turn: Turn, uow: UnitOfWork) -> None:
    """Counts the plan and tells everybody."""
    upload = turn.upload
    refuse_namers_of_invalid_rows(uow, turn)
    counts = storage.imports.planned_counts(uow, turn.upload)
    data = events.import_data(turn.import_id, Status.PLANNED.value, counts)
    uow.publish("import_planned", subject=str(turn.import_id), data=data)
    if upload.apply:
        start_applying(uow, upload, counts=counts)
        return
    storage.imports.change(
        uow,
        turn.import_id,
        status=Status.PLANNED.value,
        counts=counts,
        work_done=upload.work_total,
    )


def refuse_namers_of_invalid_rows(uow: UnitOfWork, turn: Turn) -> None:
    """Makes rows invalid that name people who won't exist; only now is it known of every row.

    A person who is known already may be named however invalid their own row is.
    """
    invalid = storage.rows.invalid_newcomers(uow, turn.upload)
    if not invalid:
        return
    reasons = fallen(invalid, storage.pairs.edges_to_newcomers(uow, turn.upload))
    if not reasons:
        return
    for part in parts(list(reasons.items()), CHUNK_ROWS):
        named = storage.rows.at(uow, (reason for _, reason in part))
        errors = {at: [names_invalid(named[reason].line)] for at, reason in part}
        storage.rows.add_errors(uow, errors, refuse=True)
    storage.pairs.forget_named_by(uow, turn.upload, list(reasons))


def names_invalid(line: int) -> dict[str, Any]:
    """The error of a row that can't be done because of another."""
    detail = f"Names the person on line {line}, which is invalid."
    return {"column": None, "code": "import.invalid_reference", "detail": detail}


def finish(turn: Turn) -> Any | None:
    """Everything was done."""
    return settle(turn, partial(store_end, turn))


def store_end(turn: Turn, uow: UnitOfWork) -> None:
    """Counts what was done and tells everybody."""
    counts = storage.imports.applied_counts(uow, turn.upload)
    work = turn.upload.work_total
    end(uow, turn.upload, Status.FINISHED, counts=counts, work_done=work)
