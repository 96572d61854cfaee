"""What a person can tell an import to do."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from chassis.context import Actor, Operation
from chassis.database import Database, UnitOfWork
from import_service import access, errors, storage
from import_service.domain import Status
from import_service.use_cases.state import end, require_import, start_applying

Steer = Callable[[UnitOfWork, Any], Status]


def apply_import(
    database: Database, actor: Actor, operation: Operation, import_id: uuid.UUID
) -> dict[str, Any]:
    """Has a plan done, on behalf of the actor. Each row's outcome is found anew when it is done."""

    def steer(uow: UnitOfWork, upload: Any) -> Status:
        if upload.status != Status.PLANNED:
            raise errors.wrong_status(upload.status, "only a planned import can be applied")
        start_applying(uow, upload, actor=storage.imports.actor_json(actor))
        return Status.APPLYING

    return steered(database, actor, operation, import_id, steer)


def cancel_import(
    database: Database, actor: Actor, operation: Operation, import_id: uuid.UUID
) -> dict[str, Any]:
    """Stops an import before its next chunk. What was applied stays applied, and `counts` says how much that is."""

    def steer(uow: UnitOfWork, upload: Any) -> Status:
        if upload.status not in {Status.READING, Status.PLANNED, Status.APPLYING}:
            raise errors.wrong_status(upload.status, "there is nothing left to cancel")
        end(uow, upload, Status.CANCELLED, counts=storage.imports.applied_counts(uow, upload))
        return Status.CANCELLED

    return steered(database, actor, operation, import_id, steer)


def steered(
    database: Database, actor: Actor, operation: Operation, import_id: uuid.UUID, steer: Steer
) -> dict[str, Any]:
    """Changes an import once, whatever step is under way."""
    access.require_importer(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return done  # type: ignore[no-any-return]
        upload = require_import(storage.imports.lock(uow, import_id))
        status = steer(uow, upload)
        result = {"id": str(import_id), "status": status.value}
        uow.record(operation, result)
        uow.commit()
    return result
