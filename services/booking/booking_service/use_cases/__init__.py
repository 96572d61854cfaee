"""What booking does, one function per operation."""

from booking_service.use_cases.booking import book_session, request_session
from booking_service.use_cases.changing import change_status, reschedule_session
from booking_service.use_cases.erasing import apply_erasure
from booking_service.use_cases.pairs import (
    cancel_after_assignments_ended,
    cancel_future_sessions,
    count_future_sessions,
)
from booking_service.use_cases.reading import get_session, list_sessions
from booking_service.use_cases.replicas import (
    apply_organization_event,
    apply_people_event,
    refresh_organization,
    refresh_participants,
)

__all__ = [
    "apply_erasure",
    "apply_organization_event",
    "apply_people_event",
    "book_session",
    "cancel_after_assignments_ended",
    "cancel_future_sessions",
    "change_status",
    "count_future_sessions",
    "get_session",
    "list_sessions",
    "refresh_organization",
    "refresh_participants",
    "request_session",
    "reschedule_session",
]
