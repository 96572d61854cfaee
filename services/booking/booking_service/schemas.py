"""The arguments of the RPCs, and a session as answers show it."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from booking_service.domain import MAX_MINUTES, MIN_MINUTES, STATUSES, Session
from chassis.fields import (
    BoundedList,
    Moment,
    MomentOrWallClock,
    StrictBoolean,
    StrictInteger,
    StrictSchema,
    Text,
    Zone,
    rfc3339,
)

MOST_IDS = 1_000


def duration(**options: Any) -> StrictInteger:
    """The minutes of a session."""
    return StrictInteger(validate=validate.Range(MIN_MINUTES, MAX_MINUTES), **options)


def title() -> Text:
    """One line."""
    return Text(max=200, allow_none=True)


def notes() -> Text:
    """Free text of several lines."""
    return Text(max=5_000, multiline=True, allow_none=True)


def location() -> Text:
    """A place or a link."""
    return Text(max=500, allow_none=True)


class RequestSession(StrictSchema):
    """What `request_session` takes."""

    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)
    starts_at = MomentOrWallClock(required=True)
    duration_minutes = duration(required=True)
    time_zone = Zone(allow_none=True)
    title = title()
    notes = notes()
    location = location()

    @validates_schema
    def check_two_people(self, data: dict[str, Any], **_: Any) -> None:
        """Nobody teaches themselves, whatever roles they hold."""
        if data["instructor_id"] == data["student_id"]:
            raise ValidationError("Must be somebody else than the instructor.", "student_id")


class BookSession(RequestSession):
    """What `book_session` takes."""

    allow_overlap = StrictBoolean(load_default=False)


class SessionChanges(StrictSchema):
    """What may change in a session; what is left out stays, null empties a text."""

    starts_at = MomentOrWallClock()
    time_zone = Zone()
    duration_minutes = duration()
    title = title()
    notes = notes()
    location = location()


class RescheduleSession(StrictSchema):
    """What `reschedule_session` takes."""

    session_id = fields.UUID(required=True)
    changes = fields.Nested(SessionChanges, required=True)
    if_version = StrictInteger(load_default=None, allow_none=True)
    allow_overlap = StrictBoolean(load_default=False)


class GetSession(StrictSchema):
    """What `get_session` takes."""

    session_id = fields.UUID(required=True)


class ChangeStatus(GetSession):
    """What confirm, decline, cancel, complete and miss take."""

    reason = Text(max=1_000, multiline=True, allow_none=True, load_default=None)


class ListSessions(StrictSchema):
    """What `list_sessions` takes: sessions that start at or after `from` and before `to`."""

    starts_from = Moment(data_key="from", attribute="from")
    starts_before = Moment(data_key="to", attribute="to")
    instructor_id = fields.UUID()
    student_id = fields.UUID()
    status = fields.String(validate=validate.OneOf(STATUSES))
    limit = StrictInteger(load_default=50, validate=validate.Range(1, 200))
    cursor = Text(max=500, load_default=None, allow_none=True)


class Pair(StrictSchema):
    """What `count_future_sessions` and `cancel_future_sessions` take."""

    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)


class RefreshParticipants(StrictSchema):
    """What `refresh_participants` takes."""

    user_ids = BoundedList(fields.UUID(), min=1, max=MOST_IDS, required=True)


class NoArguments(StrictSchema):
    """For methods that take nothing."""


def session_view(session: Session) -> dict[str, Any]:
    """A session in answers. Written out because every booking passes here."""
    return {
        "id": str(session.id),
        "series_id": None if session.series_id is None else str(session.series_id),
        "instructor_id": str(session.instructor_id),
        "student_id": str(session.student_id),
        "starts_at": rfc3339(session.starts_at),
        "ends_at": rfc3339(session.ends_at),
        "time_zone": session.time_zone,
        "status": session.status,
        "title": session.title,
        "notes": session.notes,
        "location": session.location,
        "booked_by": str(session.booked_by),
        "created_at": rfc3339(session.created_at),
        "version": session.version,
    }
