"""The rules of sessions, without servers: who can have one, when, and what may become of it.

Everything that depends on the time of day takes `now`. Whether a time is free only the database can say.
"""

from booking_service.domain.people import (
    Capacity,
    Facts,
    Organization,
    Participant,
    require_overlap_allowed,
)
from booking_service.domain.sessions import (
    OPEN,
    STATUSES,
    Action,
    Session,
    act,
    change,
    is_move,
    is_moved,
    new_session,
)
from booking_service.domain.slots import MAX_MINUTES, MIN_MINUTES

__all__ = [
    "MAX_MINUTES",
    "MIN_MINUTES",
    "OPEN",
    "STATUSES",
    "Action",
    "Capacity",
    "Facts",
    "Organization",
    "Participant",
    "Session",
    "act",
    "change",
    "is_move",
    "is_moved",
    "new_session",
    "require_overlap_allowed",
]
