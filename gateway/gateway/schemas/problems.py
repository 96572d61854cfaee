"""Errors."""

from __future__ import annotations

from marshmallow import fields

from chassis.fields import StrictInteger
from gateway.schemas.fields import Shape, identifier, moment, word


class FieldProblem(Shape):
    """One invalid field."""

    pointer = fields.String(
        required=True,
        metadata={"description": "JSON pointer to the field.", "examples": ["/duration_minutes"]},
    )
    detail = fields.String(required=True)


class Overlap(Shape):
    """A session in the way of another, and whose it is."""

    id = identifier(required=True)
    starts_at = moment(required=True)
    ends_at = moment(required=True)
    who = word("instructor", "student", required=True)


class Choice(Shape):
    """An organization that a login exists in."""

    slug = fields.String(required=True)
    name = fields.String(required=True)


class Problem(Shape):
    """Problem details (RFC 9457). Clients match on `code`."""

    type = fields.String(
        required=True, metadata={"examples": ["urn:tandem:problem:booking.conflict"]}
    )
    title = fields.String(required=True, metadata={"examples": ["Conflict"]})
    status = StrictInteger(required=True, metadata={"examples": [409]})
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"examples": ["booking.conflict"]})
    errors = fields.List(fields.Nested(FieldProblem))
    conflicts = fields.List(
        fields.Nested(Overlap), metadata={"description": "With `booking.conflict`."}
    )
    organizations = fields.List(
        fields.Nested(Choice), metadata={"description": "With `identity.choose_organization`."}
    )
