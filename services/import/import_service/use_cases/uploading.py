"""How a file arrives: announced, sent in chunks, checked as a whole, and then read."""

from __future__ import annotations

import uuid
from typing import Any

from chassis.context import Actor, Operation
from chassis.database import Database
from import_service import access, errors, schemas, settings, storage
from import_service.domain import LARGEST_FILE, Associations, Status, Step
from import_service.use_cases.state import hand_on, require_import


def create_import(
    database: Database,
    actor: Actor,
    operation: Operation,
    *,
    filename: str,
    size: int,
    associations: Associations,
    send_invitations: bool,
    apply: bool,
) -> dict[str, Any]:
    """Announces a file of `size` bytes. Nothing happens before `start_import`."""
    access.require_importer(actor)
    if size > LARGEST_FILE:
        raise errors.too_large("/size", LARGEST_FILE)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return done  # type: ignore[no-any-return]
        storage.uploads.forget_old(uow, settings.upload_days())
        upload = storage.imports.insert(
            uow,
            actor,
            filename=filename,
            size=size,
            associations=associations.value,
            send_invitations=send_invitations,
            apply=apply,
        )
        result = schemas.brief_json(upload)
        uow.record(operation, result)
        uow.commit()
    return result


def append_chunk(
    database: Database,
    actor: Actor,
    operation: Operation,
    *,
    import_id: uuid.UUID,
    position: int,
    content: bytes,
) -> None:
    """Stores a part of the file. One sent again takes the place of the first."""
    access.require_importer(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if uow.replay(operation) is not None:
            return
        upload = require_arriving(storage.imports.lock(uow, import_id))
        others = storage.uploads.size_of_others(uow, import_id, position)
        if others + len(content) > upload.size:
            detail = f"More than the {upload.size} bytes that were announced."
            raise errors.incomplete_upload("/content", detail)
        storage.uploads.put(uow, import_id, position, content)
        uow.record(operation, {})
        uow.commit()


def start_import(
    database: Database,
    actor: Actor,
    operation: Operation,
    *,
    import_id: uuid.UUID,
    chunks: int,
    sha256: str,
) -> dict[str, Any]:
    """Checks that all arrived, and has it read. Else Invalid, and what is missing may be sent again."""
    access.require_importer(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return done  # type: ignore[no-any-return]
        upload = require_arriving(storage.imports.lock(uow, import_id))
        check_upload(upload, storage.uploads.summary(uow, import_id), chunks, sha256)
        hand_on(uow, upload, Step.READ)
        result = schemas.brief_json(upload)
        uow.record(operation, result)
        uow.commit()
    return result


def require_arriving(upload: Any | None) -> Any:
    """The import, whose file is not complete yet; Conflict otherwise."""
    found = require_import(upload)
    if found.status != Status.READING or found.step is not None:
        raise errors.wrong_status(found.status, "its file is complete already")
    return found


def check_upload(upload: Any, arrived: Any, chunks: int, sha256: str) -> None:
    """Returns if what arrived is what was announced."""
    if arrived.chunks != chunks or arrived.last != chunks - 1:
        detail = f"{arrived.chunks} chunks arrived, not positions 0 to {chunks - 1}."
        raise errors.incomplete_upload("/chunks", detail)
    if arrived.size != upload.size:
        detail = f"{arrived.size} bytes arrived where {upload.size} were announced."
        raise errors.incomplete_upload("/chunks", detail)
    if arrived.sha256 != sha256.lower():
        raise errors.incomplete_upload("/sha256", "The content differs from what was announced.")
