"""Forgetting one person, for good: a service says how, the bookkeeping is done here. Knows people by their ids only."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson
import sqlalchemy as sa
from marshmallow import EXCLUDE, Schema, fields

from chassis.context import Actor
from chassis.database import Database, UnitOfWork
from chassis.events import Event
from chassis.exporting import require_owner
from chassis.fields import load, rfc3339
from chassis.scope import System

ERASING_SECONDS: Final = 120.0

Forget = Callable[[UnitOfWork, uuid.UUID], None]
Rewrite = Callable[[dict[str, Any]], dict[str, Any]]

metadata = sa.MetaData()

# Whom this service has forgotten. It stays: what comes late must not bring them back.
erased_people = sa.Table(
    "erased_people",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column(
        "erased_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.PrimaryKeyConstraint("organization_id", "person_id", name="erased_people_pkey"),
)

NOTE: Final = """
    INSERT INTO erased_people (organization_id, person_id)
    VALUES (%(organization_id)s, %(person_id)s) ON CONFLICT DO NOTHING
"""

MOST_OPERATIONS: Final = 500

# Found by their text: there is no index for what is asked so rarely.
OPERATIONS_ABOUT: Final = """
    SELECT id, result FROM operations
     WHERE organization_id = %(organization_id)s::uuid AND id > %(after)s::uuid
       AND strpos(result::text, %(person_id)s) > 0
     ORDER BY id LIMIT %(most)s
"""
UNOWNED_OPERATIONS_ABOUT: Final = OPERATIONS_ABOUT.replace(
    "organization_id = %(organization_id)s::uuid", "organization_id IS NULL"
)
REWRITE_OPERATION: Final = "UPDATE operations SET result = %(result)s WHERE id = %(id)s"


def add_to(target: sa.MetaData) -> None:
    """Adds the table to a service's metadata; `migrations.create_erased_people` makes it."""
    erased_people.to_metadata(target)


class ErasedPerson(Schema):
    """A person in `user_erased`."""

    class Meta:
        unknown = EXCLUDE

    id = fields.UUID(required=True)


class PeopleErased(Schema):
    """What is read of `user_erased`."""

    class Meta:
        unknown = EXCLUDE

    users = fields.List(fields.Nested(ErasedPerson), required=True)


def people_in(event: Event) -> list[uuid.UUID]:
    """Whom an event `user_erased` tells of, in the order in which their rows are taken."""
    return sorted({person["id"] for person in load(PeopleErased, event.data)["users"]})


def erase(database: Database, event: Event, handler: str, forget: Forget) -> None:
    """Forgets the people of a `user_erased`, in one transaction with the note that it was done.

    `forget` must do no harm when it is called again: an operator may send the event anew.
    """
    with database.unit_of_work(event.organization_id) as uow:
        if not uow.is_first_delivery(event, handler):
            return
        take_time(uow)
        for person_id in people_in(event):
            forget(uow, person_id)
            note(uow, person_id)
        uow.commit()


def take_time(uow: UnitOfWork) -> None:
    """Lets this transaction's statements read as much as there is; nobody waits for an answer."""
    uow.connection.exec_driver_sql(
        f"SET LOCAL statement_timeout = {int(ERASING_SECONDS * 1000)}; SET LOCAL lock_timeout = 20000"
    )


def note(uow: UnitOfWork, person_id: uuid.UUID) -> None:
    """Notes that this service has forgotten the person."""
    ids = {"organization_id": str(uow.organization_id), "person_id": str(person_id)}
    uow.connection.exec_driver_sql(NOTE, ids)


def erasure(database: Database, actor: Actor, *, user_id: uuid.UUID) -> dict[str, Any]:
    """Since when this service has forgotten the person: `{"erased_at": ...}`, null if it has not. For owners."""
    require_owner(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        erased_at = uow.execute(
            sa.select(erased_people.c.erased_at).where(
                erased_people.c.organization_id == actor.organization_id,
                erased_people.c.person_id == user_id,
            )
        ).scalar_one_or_none()
    return {"erased_at": None if erased_at is None else rfc3339(erased_at)}


def is_any_erased(uow: UnitOfWork, person_ids: Iterable[uuid.UUID]) -> bool:
    """Whether this service has forgotten one of these people."""
    statement = sa.select(erased_people.c.person_id).where(
        erased_people.c.organization_id == uow.organization_id,
        erased_people.c.person_id.in_(list(person_ids)),
    )
    return uow.execute(statement.limit(1)).first() is not None


def rewrite_operations(uow: UnitOfWork, person_id: uuid.UUID, rewrite: Rewrite) -> None:
    """Rewrites the results that are kept for repeated calls: each object in those that name the person.

    Call it after the rows that the results were made from are locked or changed: then no call is under way that
    would still store an old one.
    """
    is_system = isinstance(uow.scope, System)
    statement = UNOWNED_OPERATIONS_ABOUT if is_system else OPERATIONS_ABOUT
    parameters: dict[str, Any] = {"person_id": str(person_id), "most": MOST_OPERATIONS}
    if not is_system:
        parameters["organization_id"] = str(uow.organization_id)
    parameters["after"] = str(uuid.UUID(int=0))
    while True:
        found = uow.connection.exec_driver_sql(statement, parameters).all()
        for row in found:
            result = rewritten(row.result, rewrite)
            if result != row.result:
                new = {"id": str(row.id), "result": orjson.dumps(result).decode()}
                uow.connection.exec_driver_sql(REWRITE_OPERATION, new)
        if len(found) < MOST_OPERATIONS:
            return
        parameters["after"] = str(found[-1].id)


def rewritten(value: Any, rewrite: Rewrite) -> Any:
    """The JSON value with every object in it rewritten, the innermost first."""
    if isinstance(value, Mapping):
        return rewrite({key: rewritten(item, rewrite) for key, item in value.items()})
    if isinstance(value, list):
        return [rewritten(item, rewrite) for item in value]
    return value
