"""Errors."""

from __future__ import annotations

from marshmallow import Schema, fields

from chassis.fields import StrictInteger


class FieldProblem(Schema):
    """One invalid field."""

    pointer = fields.String(
        required=True,
        metadata={"description": "JSON pointer to the field.", "examples": ["/duration_minutes"]},
    )
    detail = fields.String(required=True)


class Problem(Schema):
    """Problem details (RFC 9457). Clients match on `code`."""

    type = fields.String(
        required=True, metadata={"examples": ["urn:tandem:problem:booking.conflict"]}
    )
    title = fields.String(required=True, metadata={"examples": ["Conflict"]})
    status = StrictInteger(required=True, metadata={"examples": [409]})
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"examples": ["booking.conflict"]})
    errors = fields.List(fields.Nested(FieldProblem))
