"""RPC arguments, checked, and the plain form of results."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from chassis.fields import StrictBoolean, StrictInteger, StrictSchema, Text, rfc3339
from import_service.domain import Associations, Outcome, shown_progress

LARGEST_CHUNK: Final = 1 << 20
MOST_CHUNKS: Final = 1_000
LONGEST_BASE64: Final = 4 * ((LARGEST_CHUNK + 2) // 3)
BIGGEST: Final = 2**62


class Base64(fields.Field[bytes]):
    """Up to 1 MiB of bytes in base64."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bytes:
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        if len(value) > LONGEST_BASE64:
            raise ValidationError("At most 1 MiB fits in a chunk.")
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValidationError("Not valid base64.") from error


class CreateArguments(StrictSchema):
    """What is announced of a file, and what is to be done with it."""

    filename = Text(min=1, max=255, required=True)
    size = StrictInteger(required=True, validate=validate.Range(min=0, max=BIGGEST))
    associations = fields.Enum(Associations, by_value=True, load_default=Associations.ADD)
    send_invitations = StrictBoolean(load_default=False)
    apply = StrictBoolean(load_default=False)


class ImportArguments(StrictSchema):
    """Which import."""

    import_id = fields.UUID(required=True)


class ChunkArguments(ImportArguments):
    """A part of the file; positions count from 0."""

    position = StrictInteger(required=True, validate=validate.Range(min=0, max=MOST_CHUNKS - 1))
    content = Base64(required=True)


class StartArguments(ImportArguments):
    """What must have arrived."""

    chunks = StrictInteger(required=True, validate=validate.Range(min=0, max=MOST_CHUNKS))
    sha256 = fields.String(
        required=True,
        validate=validate.Regexp(r"[0-9a-fA-F]{64}\Z", error="Not a SHA-256 in hexadecimal."),
    )


class ListRowsArguments(ImportArguments):
    """A page of an import's rows."""

    outcome = fields.Enum(Outcome, by_value=True, load_default=None, allow_none=True)
    limit = StrictInteger(load_default=50, validate=validate.Range(min=1, max=200))
    cursor = Text(max=200, load_default=None, allow_none=True)


class ReportArguments(ImportArguments):
    """A page of an import's report."""

    cursor = Text(max=200, load_default=None, allow_none=True)


class NoArguments(StrictSchema):
    """Nothing."""


NOTHING_DETECTED: Final[dict[str, Any]] = {
    "format": None,
    "encoding": None,
    "delimiter": None,
    "sheets": [],
    "columns": [],
}


def brief_json(row: Any) -> dict[str, Any]:
    """An import where only its state matters."""
    return {"id": str(row.id), "status": row.status}


def import_json(row: Any) -> dict[str, Any]:
    """An import as the contract shows one."""
    return {
        "id": str(row.id),
        "status": row.status,
        "filename": row.filename,
        "associations": row.associations,
        "send_invitations": row.send_invitations,
        "apply": row.apply,
        "detected": row.detected or NOTHING_DETECTED,
        "counts": row.counts,
        "progress": shown_progress(row.rows, row.work_done, row.work_total),
        "errors": row.errors,
        "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at) if row.finished_at else None,
    }


def row_json(row: Any, assignments: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of the file and what became, or would become, of it."""
    return {
        "row": row.line,
        "sheet": None,
        "outcome": row.outcome,
        "applied": row.applied,
        "user_id": row.user_id,
        "changes": row.changes or [],
        "assignments": assignments,
        "errors": [error_json(error) for error in row.errors],
    }


def error_json(error: dict[str, Any]) -> dict[str, Any]:
    """What is wrong with a row."""
    return {name: error[name] for name in ("column", "code", "detail")}


def pair_json(row: Any) -> dict[str, Any]:
    """A pair that a row names; an id is missing while its person is yet to be created."""
    return {
        "instructor_id": row.instructor_id,
        "student_id": row.student_id,
        "outcome": row.outcome or row.planned,
    }
