"""The ends of planning and of applying: everything is counted once more, from what is stored."""

from __future__ import annotations

from functools import partial

from chassis.database import UnitOfWork
from import_service import events, storage
from import_service.domain import Status
from import_service.use_cases.state import end, start_applying
from import_service.use_cases.turns import Turn, settle


def finish_plan(turn: Turn) -> None:
    """The plan stands. If that is what was asked for, it is applied at once."""
    settle(turn, partial(store_plan, turn))


def store_plan(turn: Turn, uow: UnitOfWork) -> None:
    """Counts the plan and tells everybody."""
    upload = turn.upload
    storage.pairs.refuse_namers_of_invalid_rows(uow, turn.import_id)
    counts = storage.imports.planned_counts(uow, turn.import_id)
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


def finish(turn: Turn) -> None:
    """Everything was done."""
    settle(turn, partial(store_end, turn))


def store_end(turn: Turn, uow: UnitOfWork) -> None:
    """Counts what was done and tells everybody."""
    counts = storage.imports.applied_counts(uow, turn.import_id)
    work = turn.upload.work_total
    end(uow, turn.upload, Status.FINISHED, counts=counts, work_done=work)
