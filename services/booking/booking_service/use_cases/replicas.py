"""Keeping up with identity's people and organizations: by its events, and by asking when something is missing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from booking_service import storage
from booking_service.clients import Neighbours
from booking_service.events import (
    OrganizationChanged,
    OrganizationFacts,
    ParticipantFacts,
    PeopleChanged,
)
from chassis.context import Actor
from chassis.database import Database
from chassis.events import Event
from chassis.fields import load


def refresh_participants(
    database: Database, neighbours: Neighbours, actor: Actor, user_ids: Sequence[uuid.UUID]
) -> None:
    """Asks identity about these people and keeps what is newer."""
    people = [load(ParticipantFacts, person) for person in neighbours.people(user_ids)]
    if people:
        with database.unit_of_work(actor.organization_id) as uow:
            storage.store_participants(uow, people)
            uow.commit()


def refresh_organization(database: Database, neighbours: Neighbours, actor: Actor) -> None:
    """Asks identity about the actor's organization and keeps what is newer."""
    organization = load(OrganizationFacts, neighbours.organization())
    with database.unit_of_work(actor.organization_id) as uow:
        storage.store_organization(uow, organization)
        uow.commit()


def refresh_all(
    database: Database, neighbours: Neighbours, actor: Actor, user_ids: Sequence[uuid.UUID]
) -> None:
    """Both: what a booking needs to know."""
    refresh_participants(database, neighbours, actor, user_ids)
    refresh_organization(database, neighbours, actor)


def apply_people_event(database: Database, event: Event) -> None:
    """Identity's `user_created`, `user_updated`, `user_archived` and `user_restored`."""
    people = load(PeopleChanged, event.data)["users"]
    with database.unit_of_work(event.organization_id) as uow:
        if uow.is_first_delivery(event, f"on_identity_{event.name}"):
            storage.store_participants(uow, people)
            uow.commit()


def apply_organization_event(database: Database, event: Event) -> None:
    """Identity's `organization_created` and `organization_updated`."""
    organization = load(OrganizationChanged, event.data)["organization"]
    with database.unit_of_work(event.organization_id) as uow:
        if uow.is_first_delivery(event, f"on_identity_{event.name}"):
            storage.store_organization(uow, organization)
            uow.commit()
