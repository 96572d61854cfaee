"""Booking's tables and the statements on them; each names its organization, although row level security does too."""

from booking_service.storage.erasing import coming_sessions, forget_words, hold_sessions
from booking_service.storage.replicas import store_organization, store_participants
from booking_service.storage.schedules import (
    find_overlapped,
    insert_session,
    lock_pair_and_read_facts,
    require_free,
    update_session,
)
from booking_service.storage.sessions import (
    count_future_sessions,
    future_sessions_of_pairs,
    list_sessions,
    read_session,
)
from booking_service.storage.tables import metadata

__all__ = [
    "coming_sessions",
    "count_future_sessions",
    "find_overlapped",
    "forget_words",
    "future_sessions_of_pairs",
    "hold_sessions",
    "insert_session",
    "list_sessions",
    "lock_pair_and_read_facts",
    "metadata",
    "read_session",
    "require_free",
    "store_organization",
    "store_participants",
    "update_session",
]
