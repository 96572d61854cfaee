"""Booking's side of the event contract.

Events carry no title, notes, location or reason: those are people's words, and the log is kept.
"""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from booking_service.domain import Session
from chassis.audit import AUDIT_RECORDED
from chassis.events import Contract, Published, Subscription
from chassis.fields import Moment, rfc3339


class SessionFacts(Schema):
    """A session without what people wrote."""

    id = fields.UUID(required=True)
    series_id = fields.UUID(required=True, allow_none=True)
    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)
    starts_at = Moment(required=True)
    ends_at = Moment(required=True)
    time_zone = fields.String(required=True)
    status = fields.String(required=True)
    booked_by = fields.UUID(required=True)
    created_at = Moment(required=True)
    version = fields.Integer(required=True)


class SessionEvent(Schema):
    """What happened to one session. `assigns_pair`: an administrator or owner booked it."""

    session = fields.Nested(SessionFacts, required=True)
    assigns_pair = fields.Boolean(required=True)


class FromOthers(Schema):
    """Events of other services may carry more than we know."""

    class Meta:
        unknown = EXCLUDE


class ParticipantFacts(FromOthers):
    """A person in identity's events."""

    id = fields.UUID(required=True)
    roles = fields.List(fields.String(), required=True)
    status = fields.String(required=True)
    version = fields.Integer(required=True, strict=True)


class PeopleChanged(FromOthers):
    """identity's `user_*` events."""

    users = fields.List(fields.Nested(ParticipantFacts), required=True)


class OrganizationFacts(FromOthers):
    """The settings in identity's events and answers."""

    time_zone = fields.String(required=True)
    conflict_policy = fields.String(required=True)
    students_may_book = fields.String(required=True)
    version = fields.Integer(required=True, strict=True)


class OrganizationChanged(FromOthers):
    """identity's `organization_*` events."""

    organization = fields.Nested(OrganizationFacts, required=True)


class EndedAssignment(FromOthers):
    """A pair in assignment's `assignment_ended`."""

    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)


class AssignmentsEnded(FromOthers):
    """assignment's `assignment_ended`."""

    assignments = fields.List(fields.Nested(EndedAssignment), required=True)
    future_sessions = fields.String(load_default="keep")


CONTRACT = Contract(
    service="booking",
    calls=("assignment", "identity"),
    publishes=(
        Published("session_requested", SessionEvent, "A student asked for a session."),
        Published(
            "session_booked",
            SessionEvent,
            "A session was booked, or a requested one confirmed.",
            required=True,
        ),
        Published("session_rescheduled", SessionEvent, "A session moved to another time."),
        Published("session_updated", SessionEvent, "What a session says changed, not its time."),
        Published("session_cancelled", SessionEvent, "A session was cancelled or declined."),
        Published(
            "session_completed",
            SessionEvent,
            "A session is over; its status says whether it was completed or missed.",
        ),
        AUDIT_RECORDED,
    ),
    subscribes=(
        Subscription("identity", "user_created"),
        Subscription("identity", "user_updated"),
        Subscription("identity", "user_archived"),
        Subscription("identity", "user_restored"),
        Subscription("identity", "user_erased"),
        Subscription("identity", "organization_created"),
        Subscription("identity", "organization_updated"),
        Subscription("assignment", "assignment_ended"),
    ),
)


def session_event(session: Session) -> dict[str, Any]:
    """The data of every event about a session."""
    return {
        "session": {
            "id": str(session.id),
            "series_id": None if session.series_id is None else str(session.series_id),
            "instructor_id": str(session.instructor_id),
            "student_id": str(session.student_id),
            "starts_at": rfc3339(session.starts_at),
            "ends_at": rfc3339(session.ends_at),
            "time_zone": session.time_zone,
            "status": session.status,
            "booked_by": str(session.booked_by),
            "created_at": rfc3339(session.created_at),
            "version": session.version,
        },
        "assigns_pair": session.booked_by_admin,
    }
