"""The Multi-User Upload Tool."""

from __future__ import annotations

from flask_smorest.fields import Upload
from marshmallow import fields

from chassis.fields import StrictInteger, StrictSchema, Text
from gateway.pages import PageQuery
from gateway.schemas.fields import Shape, identifier, moment, word

STATUSES = ("reading", "planned", "applying", "finished", "failed", "cancelled")
OUTCOMES = ("create", "update", "unchanged", "invalid")


class NewImport(StrictSchema):
    """A file of people, and how to apply it."""

    file = Upload(required=True, metadata={"description": "CSV or TSV, up to 50 MB."})
    associations = word("add", "replace", "remove", metadata={"default": "add"})
    send_invitations = word("true", "false", metadata={"default": "false"})
    apply = word(
        "true",
        "false",
        metadata={"default": "false", "description": "Apply the plan without asking."},
    )


class StartedImport(Shape):
    """An import under way."""

    id = identifier(required=True)
    status = word(*STATUSES, required=True)


class Column(Shape):
    """A column of the file, and what it was taken for."""

    header = fields.String(required=True)
    field = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, metadata={"examples": ["used"]})
    warning = fields.String(required=True, allow_none=True)


class Detected(Shape):
    """What the file turned out to be."""

    format = fields.String(allow_none=True)
    encoding = fields.String(allow_none=True)
    delimiter = fields.String(allow_none=True)
    sheets = fields.List(fields.String(), allow_none=True)
    columns = fields.List(fields.Nested(Column), allow_none=True)


class Counts(Shape):
    """Rows by what becomes of them."""

    rows = StrictInteger(required=True)
    create = StrictInteger(required=True)
    update = StrictInteger(required=True)
    unchanged = StrictInteger(required=True)
    assign = StrictInteger(required=True)
    unassign = StrictInteger(required=True)
    invalid = StrictInteger(required=True)


class Progress(Shape):
    """How far it is, in rows."""

    done = StrictInteger(required=True)
    total = StrictInteger(required=True)


class Import(StartedImport):
    """An import."""

    filename = fields.String(required=True)
    associations = word("add", "replace", "remove", required=True)
    send_invitations = fields.Boolean(required=True)
    apply = fields.Boolean(required=True)
    detected = fields.Nested(Detected, required=True, allow_none=True)
    counts = fields.Nested(Counts, required=True)
    progress = fields.Nested(Progress, required=True)
    created_at = moment(required=True)
    finished_at = moment(required=True, allow_none=True)


class CellProblem(Shape):
    """What is wrong in one cell."""

    column = Text(required=True, allow_none=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)


class RowAssignment(Shape):
    """A pair that a row names. An id is missing while its person is yet to be created."""

    instructor_id = identifier(required=True, allow_none=True)
    student_id = identifier(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)


class Row(Shape):
    """A row of the file; `row` is the line a person sees in it."""

    row = StrictInteger(required=True)
    sheet = fields.String(required=True, allow_none=True)
    outcome = word(*OUTCOMES, required=True)
    user_id = identifier(required=True, allow_none=True)
    applied = fields.Boolean(required=True)
    changes = fields.Raw(required=True, metadata={"description": "What changes of the person."})
    assignments = fields.List(fields.Nested(RowAssignment), required=True)
    errors = fields.List(fields.Nested(CellProblem), required=True)


class RowPage(Shape):
    """Some rows in the file's order."""

    items = fields.List(fields.Nested(Row), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RowQuery(PageQuery):
    """Filters of rows."""

    outcome = word(*OUTCOMES)
