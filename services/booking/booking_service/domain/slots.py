"""When a session is: an instant, meant as wall-clock time in a zone, and how far from now it may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from booking_service import errors
from booking_service.domain.people import Capacity
from chassis.time_zones import ZoneInfo

MIN_MINUTES: Final = 5
MAX_MINUTES: Final = 720
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2200
INSTRUCTOR_MAY_RECORD: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Slot:
    """A half-open stretch of time, `[starts_at, ends_at)` in UTC, with the zone and wall-clock time it was meant in."""

    starts_at: datetime
    ends_at: datetime
    time_zone: str
    wall_clock: datetime


def make_slot(
    starts_at: datetime, length: timedelta, time_zone: str, pointer: str = "/starts_at"
) -> Slot:
    """The slot from an instant, or from a naive wall-clock time in `time_zone`.

    A wall-clock time that the zone skips is refused; of one that comes twice the first is meant.
    """
    zone = ZoneInfo(time_zone)
    instant = starts_at if starts_at.tzinfo else instant_of(starts_at, zone, pointer)
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise errors.ImpossibleStart("The year must be between 1970 and 2200.", pointer)
    wall_clock = instant.astimezone(zone).replace(tzinfo=None)
    return Slot(instant, instant + length, time_zone, wall_clock)


def instant_of(wall_clock: datetime, zone: ZoneInfo, pointer: str = "/starts_at") -> datetime:
    """The UTC instant at which clocks in `zone` first show `wall_clock`."""
    try:
        instant = wall_clock.replace(tzinfo=zone, fold=0).astimezone(UTC)
        shown = instant.astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError as error:
        raise errors.ImpossibleStart("Not a valid date and time.", pointer) from error
    if shown != wall_clock.replace(fold=0):
        detail = f"Clocks in {zone.key} skip this time; choose another."
        raise errors.ImpossibleStart(detail, pointer)
    return instant


def require_timely(
    capacity: Capacity, starts_at: datetime, now: datetime, pointer: str = "/starts_at"
) -> None:
    """Students book ahead, instructors may record the last 30 days, administrators keep the records."""
    if capacity == "student" and starts_at <= now:
        raise errors.ImpossibleStart("The session must start in the future.", pointer)
    if capacity == "instructor" and starts_at < now - INSTRUCTOR_MAY_RECORD:
        raise errors.ImpossibleStart("The session can't be more than 30 days ago.", pointer)
