"""An erased person: what ties them to others ends; that it was stays, by their id."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from assignment_service import events, storage
from assignment_service.domain import FutureSessions, Participant
from assignment_service.use_cases.assigning import facts_of
from assignment_service.use_cases.reacting import handler_of
from chassis.database import Database, UnitOfWork
from chassis.erasing import erase
from chassis.events import Event


def user_erased(database: Database, event: Event, people: Sequence[Participant]) -> None:
    """Ends the assignments of erased people, and keeps their states."""
    by_id = {person.id: person for person in people}

    def forget(uow: UnitOfWork, person_id: uuid.UUID) -> None:
        storage.end_of_assigning(uow)
        storage.store_participants(uow, [by_id[person_id]])
        end_all(uow, event, person_id)

    erase(database, event, handler_of(event), forget)


def end_all(uow: UnitOfWork, event: Event, person_id: uuid.UUID) -> None:
    """Ends all assignments of one person, with their events; their sessions to come go, too."""
    pairs = storage.active_pairs(uow, person_id)
    rows = storage.end(uow, pairs, by=event.actor_id or person_id, at=datetime.now(UTC))
    for subject, batch in events.batches(list(facts_of(rows).values()), str(event.id)):
        data = events.ended(batch, FutureSessions.CANCEL)
        uow.publish("assignment_ended", subject=subject, data=data)
