"""Tables and statements. Every statement names the organization, although row level security confines it too.

Sets of pairs travel as arrays, so that a thousand pairs cost as many round trips as one.
"""

from assignment_service.storage.changes import (
    active_of,
    end,
    insert,
    insert_unless_ended_since,
    store_participants,
)
from assignment_service.storage.erasing import active_pairs, end_of_assigning
from assignment_service.storage.history import Filters, latest_of, newest
from assignment_service.storage.partners import active_pairs_of
from assignment_service.storage.states import state_of, states_of
from assignment_service.storage.tables import assignments, metadata, participants

__all__ = [
    "Filters",
    "active_of",
    "active_pairs",
    "active_pairs_of",
    "assignments",
    "end",
    "end_of_assigning",
    "insert",
    "insert_unless_ended_since",
    "latest_of",
    "metadata",
    "newest",
    "participants",
    "state_of",
    "states_of",
    "store_participants",
]
