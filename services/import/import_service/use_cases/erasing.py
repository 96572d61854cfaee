"""An erased person goes from the files that were uploaded, wherever these name them.

Files know people by names, so identity keeps those until this is done, and is told then. What a row did stays, and so
do the ids.
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any, Final

from chassis.context import Actor, acting_as
from chassis.database import Database, UnitOfWork
from chassis.erasing import ERASING_SECONDS, erase, people_in
from chassis.errors import Unavailable
from chassis.events import Event
from chassis.pauses import unhurried
from import_service import storage
from import_service.clients import Identity
from import_service.domain import FormerNames

HANDLER: Final = "on_identity_user_erased"
NOBODY: Final = uuid.UUID(int=0)


def forget_erased(database: Database, identity: Identity, event: Event) -> None:
    """Identity's `user_erased`. Unavailable, so that it is tried again, while a file is being read."""
    owner = Actor(event.actor_id or NOBODY, event.organization_id, frozenset({"owner"}))
    with acting_as(owner, seconds=ERASING_SECONDS):
        people = people_in(event)
        names = {person: FormerNames.of(identity.former_names(person)) for person in people}
        erase(database, event, HANDLER, partial(forget, names))
        for person in people:
            identity.forget_former_names(person)


def forget(names: dict[uuid.UUID, FormerNames], uow: UnitOfWork, person_id: uuid.UUID) -> None:
    """Empties the person's own rows, and takes them out of all others."""
    storage.erasing.revise(uow)
    if storage.erasing.is_reading(uow):
        raise Unavailable("import.still_reading", "A file is being read.")
    known_as = names[person_id]
    storage.erasing.forget_rows(uow, person_id, known_as.keys)
    storage.erasing.forget_keys(uow, known_as.keys)
    storage.erasing.forget_files(uow)
    if known_as.words:
        forget_mentions(uow, known_as)


def forget_mentions(uow: UnitOfWork, known_as: FormerNames) -> None:
    """Takes the person out of other people's rows."""
    places = storage.erasing.list_columns(uow)
    for rows in storage.erasing.naming(uow, known_as.words):
        changed = {
            row.position: without(known_as, row, places.get(row.import_id, []))
            for row in unhurried(rows, every=1)
        }
        storage.erasing.replace(uow, changed)


def without(known_as: FormerNames, row: Any, places: list[int]) -> dict[str, Any]:
    """What a row says without the person."""
    cells = list(row.cells)
    for place in places:
        if place < len(cells):
            cells[place] = known_as.in_cell(cells[place])
    return {
        "cells": cells,
        "instructors": known_as.without(row.instructors or []),
        "students": known_as.without(row.students or []),
        "errors": [known_as.in_error(error) for error in row.errors],
    }
