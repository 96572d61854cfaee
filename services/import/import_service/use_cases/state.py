"""How an import moves on: the next step is stored and announced in the transaction of the step before it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.database import UnitOfWork
from import_service import errors, events, storage
from import_service.domain import Status, Step, positions_of


def require_import(upload: Any | None) -> Any:
    """The import that was found; NotFound otherwise, also for one of another organization."""
    if upload is None:
        raise errors.unknown_import()
    return upload


def hand_on(uow: UnitOfWork, upload: Any, step: Step, start: int = 0, **changes: Any) -> None:
    """Makes `step`, from `start` on, the one that is due, and announces it to whoever of our copies is free.

    `start` is a row's position or a pair's number.
    """
    place = {"step": step.value, "chunk": start}
    announced = {"announced_step": step.value, "announced_chunk": start}
    storage.imports.change(uow, upload.id, **place, **announced, **changes)
    data = events.step_data(upload.id, step.value, start)
    uow.publish("import_step_due", subject=str(upload.id), data=data)


def end(uow: UnitOfWork, upload: Any, status: Status, **changes: Any) -> None:
    """The import is over. The step that was due stays noted, so that one under way can still store what it did."""
    counts = changes.setdefault("counts", upload.counts)
    storage.imports.change(
        uow, upload.id, status=status.value, finished_at=sa.func.now(), **changes
    )
    data = events.import_data(upload.id, status.value, counts)
    uow.publish("import_finished", subject=str(upload.id), data=data)


def start_applying(uow: UnitOfWork, upload: Any, **changes: Any) -> None:
    """Begins to do what the plan says."""
    work = upload.rows + storage.pairs.count(uow, upload)
    hand_on(
        uow,
        upload,
        Step.APPLY_PEOPLE,
        positions_of(upload.number).start,
        status=Status.APPLYING.value,
        work_done=0,
        work_total=work,
        **changes,
    )
