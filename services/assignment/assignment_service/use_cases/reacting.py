"""What other services' events do here: people come and go (and way 1), administrators book (way 2).

Each event's effect, its inbox entry and its own events are one transaction. Events come twice and in any order.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from assignment_service import events, storage
from assignment_service.domain import Origin, Pair, Participant, Source, newest_of_each
from assignment_service.use_cases.assigning import publish_created
from chassis.database import Database, UnitOfWork
from chassis.events import Event


def users_changed(database: Database, event: Event, people: Sequence[Participant]) -> None:
    """Keeps the people's states where they are newer. Assignments of archived people stay for their return."""
    with database.unit_of_work(event.organization_id) as uow:
        if not uow.is_first_delivery(event, handler_of(event)):
            return
        storage.store_participants(uow, newest_of_each(people))
        uow.commit()


def user_created(
    database: Database,
    event: Event,
    people: Sequence[Participant],
    chosen: Mapping[Pair, uuid.UUID],
    assigned_by: uuid.UUID,
) -> None:
    """Keeps the new people and assigns whom the administrator chose for them, with the ids identity gave (way 1)."""
    with database.unit_of_work(event.organization_id) as uow:
        if not uow.is_first_delivery(event, handler_of(event)):
            return
        storage.store_participants(uow, newest_of_each(people))
        if chosen:
            origin = Origin(Source.STUDENT_CREATION, assigned_by, event.time)
            assign_as_decided(uow, event, chosen, origin)
        uow.commit()


def session_booked(database: Database, event: Event, pair: Pair, booked_by: uuid.UUID) -> None:
    """Assigns a pair that an administrator booked (way 2). The people may not be known here yet."""
    with database.unit_of_work(event.organization_id) as uow:
        if not uow.is_first_delivery(event, handler_of(event)):
            return
        origin = Origin(Source.BOOKING, booked_by, event.time)
        assign_as_decided(uow, event, {pair: uuid.uuid4()}, origin)
        uow.commit()


def assign_as_decided(
    uow: UnitOfWork, event: Event, pairs: Mapping[Pair, uuid.UUID], origin: Origin
) -> None:
    """Assigns what is neither assigned already nor was ended after the event's time."""
    rows = storage.insert_unless_ended_since(uow, pairs, origin)
    publish_created(uow, [events.fact(row) for row in rows], event.id)


def handler_of(event: Event) -> str:
    """The handler's name in the inbox, which is its queue's."""
    return f"assignment.on_{event.source}_{event.name}"
