"""An erased person: their coming sessions are cancelled, and what was written into their sessions is forgotten.

Words of a session can't be told apart by whom they are about. So they all go, whichever of the two was erased; when the
session was, and whose, stays for the other.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

from booking_service import storage
from booking_service.events import PeopleChanged
from booking_service.use_cases.pairs import cancel_all
from chassis.database import Database, UnitOfWork
from chassis.erasing import erase
from chassis.events import Event
from chassis.fields import load

HANDLER: Final = "on_identity_user_erased"


def apply_erasure(database: Database, event: Event) -> None:
    """Identity's `user_erased`."""
    people = {person["id"]: person for person in load(PeopleChanged, event.data)["users"]}

    def forget(uow: UnitOfWork, person_id: uuid.UUID) -> None:
        storage.hold_sessions(uow, person_id)
        storage.store_participants(uow, [people[person_id]])
        now = datetime.now(UTC)
        cancel_all(uow, storage.coming_sessions(uow, person_id, after=now), now)
        storage.forget_words(uow, person_id)

    erase(database, event, HANDLER, forget)
