"""Assignments."""

from __future__ import annotations

from marshmallow import fields, validate

from chassis.fields import StrictBoolean, StrictSchema
from gateway.pages import PageQuery
from gateway.schemas.fields import Shape, identifier, moment, word

SOURCES = ("student_creation", "booking", "manual", "import")
REASONS = (
    "assigned",
    "never_assigned",
    "ended",
    "instructor_archived",
    "student_archived",
    "unknown_instructor",
    "unknown_student",
)
OUTCOMES = (
    "assigned",
    "already_assigned",
    "ended",
    "not_assigned",
    "unknown_instructor",
    "unknown_student",
    "archived_person",
)


class Pair(StrictSchema):
    """An instructor and a student."""

    instructor_id = identifier(required=True)
    student_id = identifier(required=True)


class Assignment(Shape):
    """Says that an instructor works with a student."""

    id = identifier(required=True)
    instructor_id = identifier(required=True)
    student_id = identifier(required=True)
    status = word("active", "ended", required=True)
    source = word(*SOURCES, required=True)
    assigned_at = moment(required=True)
    assigned_by = identifier(required=True, allow_none=True)
    ended_at = moment(required=True, allow_none=True)
    ended_by = identifier(required=True, allow_none=True)


class AssignmentPage(Shape):
    """Some assignments, newest first."""

    items = fields.List(fields.Nested(Assignment), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AssignmentQuery(PageQuery):
    """Filters of assignments."""

    instructor_id = identifier()
    student_id = identifier()
    status = word("active", "ended")


class Counterpart(Shape):
    """The other person of an assignment."""

    id = identifier(required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)


class AssignedBase(Shape):
    """A present assignment of somebody."""

    assignment_id = identifier(required=True)
    source = word(*SOURCES, required=True)
    assigned_at = moment(required=True)


class AssignedInstructor(AssignedBase):
    """An instructor of a student."""

    instructor = fields.Nested(Counterpart, required=True)


class AssignedStudent(AssignedBase):
    """A student of an instructor."""

    student = fields.Nested(Counterpart, required=True)


class AssignedInstructorPage(Shape):
    """A student's instructors."""

    items = fields.List(fields.Nested(AssignedInstructor), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AssignedStudentPage(Shape):
    """An instructor's students."""

    items = fields.List(fields.Nested(AssignedStudent), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class EndQuery(StrictSchema):
    """What becomes of the pair's future sessions."""

    future_sessions = word("keep", "cancel", metadata={"default": "keep"})


class FutureSessions(Shape):
    """What became of the pair's future sessions."""

    kept = fields.Integer(required=True)
    cancelled = fields.Integer(required=True)


class EndedAssignment(Shape):
    """The assignment that was ended."""

    ended = fields.Nested(Assignment, required=True)
    future_sessions = fields.Nested(FutureSessions, required=True)


class Batch(StrictSchema):
    """Pairs to assign, or to end."""

    pairs = fields.List(
        fields.Nested(Pair), required=True, validate=validate.Length(min=1, max=1000)
    )
    operation = word("assign", "end", required=True)


class PairOutcome(Shape):
    """What became of one pair."""

    instructor_id = identifier(required=True)
    student_id = identifier(required=True)
    outcome = word(*OUTCOMES, required=True)
    assignment = fields.Nested(Assignment, required=True, allow_none=True)


class BatchResult(Shape):
    """One result for each pair, in the order of the request."""

    results = fields.List(fields.Nested(PairOutcome), required=True)


class Explanation(Shape):
    """Whether a pair may book and message, and why."""

    allowed = StrictBoolean(required=True)
    reason = word(*REASONS, required=True)
    assignment_id = identifier(required=True, allow_none=True)
    source = word(*SOURCES, None, required=True, allow_none=True)  # type: ignore[arg-type]
    assigned_at = moment(required=True, allow_none=True)
    ended_at = moment(required=True, allow_none=True)
