"""One function per operation; each owns its transaction and never holds one across a call to identity."""

from assignment_service.use_cases.assigning import assign, assign_many
from assignment_service.use_cases.deciding import authorize, authorize_many, explain
from assignment_service.use_cases.ending import end_assignment, end_many
from assignment_service.use_cases.erasing import user_erased
from assignment_service.use_cases.listing import list_assignments, list_partners
from assignment_service.use_cases.people import refresh_participants
from assignment_service.use_cases.reacting import session_booked, user_created, users_changed

__all__ = [
    "assign",
    "assign_many",
    "authorize",
    "authorize_many",
    "end_assignment",
    "end_many",
    "explain",
    "list_assignments",
    "list_partners",
    "refresh_participants",
    "session_booked",
    "user_created",
    "user_erased",
    "users_changed",
]
