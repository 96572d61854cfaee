"""A session, how it begins and what may become of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from booking_service import errors
from booking_service.domain.people import Capacity, Facts, first_status, require_overlap_allowed
from booking_service.domain.slots import make_slot, require_timely

Action = Literal["confirm", "decline", "cancel", "complete", "miss"]

STATUSES: Final = ("pending", "scheduled", "completed", "missed", "cancelled")
OPEN: Final = frozenset({"pending", "scheduled"})
TRANSITIONS: Final[Mapping[Action, tuple[frozenset[str], str]]] = {
    "confirm": (frozenset({"pending"}), "scheduled"),
    "decline": (frozenset({"pending"}), "cancelled"),
    "cancel": (OPEN, "cancelled"),
    "complete": (frozenset({"scheduled"}), "completed"),
    "miss": (frozenset({"scheduled"}), "missed"),
}


@dataclass(frozen=True, slots=True)
class Session:
    """One tutoring session."""

    id: uuid.UUID
    series_id: uuid.UUID | None
    instructor_id: uuid.UUID
    student_id: uuid.UUID
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    wall_clock: datetime
    status: str
    title: str | None
    notes: str | None
    location: str | None
    allow_overlap: bool
    booked_by: uuid.UUID
    booked_by_admin: bool
    reason: str | None
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def minutes(self) -> timedelta:
        """How long it lasts."""
        return self.ends_at - self.starts_at

    def involves(self, person_id: uuid.UUID) -> bool:
        """Whether the person is its instructor or its student."""
        return person_id in (self.instructor_id, self.student_id)


def new_session(
    facts: Facts,
    arguments: Mapping[str, Any],
    capacity: Capacity,
    booked_by: uuid.UUID,
    now: datetime,
) -> Session:
    """The session that was asked for, if the rules allow it. Whether the time is free is the database's to say."""
    organization = facts.known_organization()
    status = first_status(capacity, organization)
    allow_overlap = bool(arguments.get("allow_overlap"))
    if allow_overlap:
        require_overlap_allowed(capacity, organization)
    length = timedelta(minutes=arguments["duration_minutes"])
    zone = arguments.get("time_zone") or organization.time_zone
    slot = make_slot(arguments["starts_at"], length, zone)
    require_timely(capacity, slot.starts_at, now)
    facts.require_bookable()
    return Session(
        id=uuid.uuid4(),
        series_id=None,
        instructor_id=arguments["instructor_id"],
        student_id=arguments["student_id"],
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        time_zone=slot.time_zone,
        wall_clock=slot.wall_clock,
        status=status,
        title=arguments.get("title"),
        notes=arguments.get("notes"),
        location=arguments.get("location"),
        allow_overlap=allow_overlap,
        booked_by=booked_by,
        booked_by_admin=capacity == "admin",
        reason=None,
        created_at=now,
        updated_at=now,
        version=1,
    )


def act(
    session: Session, action: Action, capacity: Capacity, reason: str | None, now: datetime
) -> Session:
    """The session after `action`; WrongStatus if its present status does not allow that.

    An administrator's confirmation counts as an administrator's booking: it assigns the pair.
    """
    allowed, status = TRANSITIONS[action]
    if session.status not in allowed:
        raise errors.WrongStatus(session.status, f"The session is {session.status}.")
    if action in ("complete", "miss") and session.starts_at > now:
        raise errors.WrongStatus(session.status, "The session has not started yet.")
    by_admin = session.booked_by_admin or (action == "confirm" and capacity == "admin")
    return _next_version(
        session,
        now,
        status=status,
        booked_by_admin=by_admin,
        reason=reason if status == "cancelled" else session.reason,
    )


def is_move(changes: Mapping[str, Any]) -> bool:
    """Whether the changes could move the session to another time."""
    return "starts_at" in changes or "duration_minutes" in changes


def change(
    session: Session,
    changes: Mapping[str, Any],
    capacity: Capacity,
    now: datetime,
    *,
    allow_overlap: bool = False,
) -> Session:
    """The session after `changes`; the very same object if nothing is different.

    A naive `starts_at` is wall-clock time in the zone of the changes, else in the session's own. A new zone alone keeps
    the instant. Only pending and scheduled sessions move.
    """
    if session.status == "cancelled":
        raise errors.WrongStatus(session.status, "The session is cancelled.")
    details = {key: changes[key] for key in ("title", "notes", "location") if key in changes}
    slot = _changed_slot(session, changes)
    values = details | slot
    if all(getattr(session, key) == value for key, value in values.items()):
        return session
    moved = replace(session, **values)
    if is_moved(session, moved):
        if session.status not in OPEN:
            raise errors.WrongStatus(session.status, f"The session is {session.status}.")
        require_timely(capacity, moved.starts_at, now, "/changes/starts_at")
        moved = replace(moved, allow_overlap=allow_overlap)
    return _next_version(moved, now)


def is_moved(before: Session, after: Session) -> bool:
    """Whether the session is at another time."""
    return (before.starts_at, before.ends_at) != (after.starts_at, after.ends_at)


def _changed_slot(session: Session, changes: Mapping[str, Any]) -> dict[str, Any]:
    if not changes.keys() & {"starts_at", "duration_minutes", "time_zone"}:
        return {}
    minutes = changes.get("duration_minutes")
    length = session.minutes if minutes is None else timedelta(minutes=minutes)
    zone = changes.get("time_zone") or session.time_zone
    starts_at = changes.get("starts_at", session.starts_at)
    slot = make_slot(starts_at, length, zone, "/changes/starts_at")
    return {
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "time_zone": slot.time_zone,
        "wall_clock": slot.wall_clock,
    }


def _next_version(session: Session, now: datetime, **values: Any) -> Session:
    return replace(session, **values, version=session.version + 1, updated_at=now)
