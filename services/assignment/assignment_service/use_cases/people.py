"""Keeping the people's states that decisions rest on."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from assignment_service import storage
from assignment_service.clients import Identity
from assignment_service.domain import newest_of_each
from chassis.context import Actor
from chassis.database import Database


def refresh_participants(
    database: Database, identity: Identity, actor: Actor, user_ids: Iterable[uuid.UUID]
) -> None:
    """Asks identity about people of the actor's organization and keeps what is newer.

    Harmless whoever asks: an older state never replaces a newer one. Those whom identity does not know stay unknown.
    """
    people = newest_of_each(identity.people(user_ids))
    if people:
        with database.unit_of_work(actor.organization_id) as uow:
            storage.store_participants(uow, people)
            uow.commit()
