"""Tutoring sessions."""

from __future__ import annotations

from marshmallow import fields, validate

from chassis.fields import (
    MomentOrWallClock,
    StrictBoolean,
    StrictInteger,
    StrictSchema,
    Text,
)
from gateway.pages import PageQuery
from gateway.schemas.fields import (
    EXAMPLE_MOMENT,
    EXAMPLE_WALL_CLOCK,
    Shape,
    identifier,
    moment,
    word,
    zone,
)

STATUSES = ("pending", "scheduled", "completed", "missed", "cancelled")
STARTS_AT = {
    "description": "With an offset, or wall-clock time in `time_zone`.",
    "examples": [EXAMPLE_MOMENT, EXAMPLE_WALL_CLOCK],
    "pattern": r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}",
}
MINUTES = validate.Range(min=5, max=720)


class Session(Shape):
    """A tutoring session."""

    id = identifier(required=True)
    series_id = identifier(required=True, allow_none=True)
    instructor_id = identifier(required=True)
    student_id = identifier(required=True)
    starts_at = moment(required=True)
    ends_at = moment(required=True)
    time_zone = zone(required=True)
    status = word(*STATUSES, required=True)
    title = fields.String(required=True, allow_none=True)
    notes = fields.String(required=True, allow_none=True)
    location = fields.String(required=True, allow_none=True)
    booked_by = identifier(required=True)
    created_at = moment(required=True)
    version = StrictInteger(required=True)


class SessionPage(Shape):
    """Some sessions by start."""

    items = fields.List(fields.Nested(Session), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PairAssignment(Shape):
    """How far the pair's assignment is."""

    status = word("active", "pending", required=True)
    id = identifier(required=True, allow_none=True)


class BookedSession(Session):
    """A new session; with `assignment` when an administrator booked it."""

    assignment = fields.Nested(PairAssignment)


class SessionDetails(StrictSchema):
    """What people write about a session."""

    title = Text(max=200, allow_none=True, metadata={"examples": ["Algebra"]})
    notes = Text(max=5_000, multiline=True, allow_none=True)
    location = Text(max=500, allow_none=True, metadata={"examples": ["Room 12"]})


class NewSession(SessionDetails):
    """A session to book, or for students as the organization allows, to request."""

    instructor_id = identifier(required=True)
    student_id = identifier(required=True)
    starts_at = MomentOrWallClock(required=True, metadata=STARTS_AT)
    duration_minutes = StrictInteger(required=True, validate=MINUTES, metadata={"examples": [60]})
    time_zone = zone()
    allow_overlap = StrictBoolean(
        metadata={
            "description": "Book in spite of an overlap: administrators, where the policy is `warn`."
        }
    )


class SessionChanges(SessionDetails):
    """What to change of a session."""

    starts_at = MomentOrWallClock(metadata=STARTS_AT)
    duration_minutes = StrictInteger(validate=MINUTES, metadata={"examples": [60]})
    time_zone = zone()
    allow_overlap = StrictBoolean()


class Reason(StrictSchema):
    """Why."""

    reason = Text(max=1000, multiline=True, allow_none=True)


SessionQuery = type(
    "SessionQuery",
    (PageQuery,),
    {
        "__doc__": "Filters of sessions.",
        # `from` is a word of Python's, so this class can't be written as one.
        "from": moment(metadata={"description": "Sessions that start at it or later."}),
        "to": moment(metadata={"description": "Sessions that start before it."}),
        "instructor_id": identifier(),
        "student_id": identifier(),
        "status": word(*STATUSES),
    },
)
