"""Finding, adding and changing many people, each with one statement for all of them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from chassis import unseen
from chassis.database import UnitOfWork
from identity_service.domain.people import username_key
from identity_service.storage.people import COLUMNS
from identity_service.storage.tables import users

THE_ORGANIZATION = unseen.organization()

WRITTEN = (
    "id uuid, roles text[], first_name text, last_name text, email text, username text, username_key text, "
    "external_id text, phone text, time_zone text, status text"
)

INSERT = f"""
    INSERT INTO users (organization_id, id, roles, first_name, last_name, email, username, username_key, external_id,
                       phone, time_zone, status)
    SELECT %(organization_id)s, id, roles, first_name, last_name, email, username, username_key, external_id, phone,
           time_zone, status
      FROM jsonb_to_recordset(%(people)s) AS given ({WRITTEN})
     ORDER BY id
    RETURNING id, roles, status, time_zone, version
"""  # noqa: S608 - constants only # nosec B608

UPDATE = f"""
    UPDATE users
       SET roles = given.roles, first_name = given.first_name, last_name = given.last_name, email = given.email,
           username = given.username, username_key = given.username_key, external_id = given.external_id,
           phone = given.phone, time_zone = given.time_zone, version = users.version + 1, updated_at = now()
      FROM jsonb_to_recordset(%(people)s) AS given ({WRITTEN})
     WHERE users.organization_id = {unseen.ORGANIZATION} AND users.id = given.id
       AND users.id = ANY(%(ids)s::uuid[])
    RETURNING users.id, users.roles, users.status, users.time_zone, users.version
"""  # noqa: S608 - constants only # nosec B608


def named(column: str, parameter: str) -> sa.Select[Any]:
    """The ids of those whom one kind of name names, looked up name by name: see chassis.unseen."""
    wanted = (
        sa.func.unnest(sa.bindparam(parameter, type_=sa.ARRAY(sa.Text)))
        .table_valued(sa.column("name", sa.Text))
        .render_derived(f"wanted_{parameter}")
    )
    own = users.alias(f"own_{parameter}")
    found = (
        sa.select(own.c.id)
        .where(own.c.organization_id == THE_ORGANIZATION, own.c[column] == wanted.c.name)
        .correlate(wanted)
        .limit(1)
        .lateral(f"found_{parameter}")
    )
    return sa.select(found.c.id).select_from(wanted.join(found, sa.true()))


NAMED = sa.union(
    named("email", "email"),
    named("username_key", "username"),
    named("external_id", "external_id"),
)
FIND_NAMED = (
    sa.select(*COLUMNS)
    .where(
        users.c.organization_id == THE_ORGANIZATION,
        users.c.id == sa.any_(sa.func.array(NAMED.scalar_subquery())),
    )
    .order_by(users.c.id)
)
LOCK_NAMED = FIND_NAMED.with_for_update()


def find_named(
    uow: UnitOfWork,
    organization_id: uuid.UUID,
    keys: Collection[tuple[str, str]],
    *,
    for_update: bool = False,
) -> Sequence[Mapping[str, Any]]:
    """Everybody whom one of `keys` (kind and value, in the form that is compared) names."""
    parameters: dict[str, Any] = {"organization_id": organization_id}
    for kind in ("email", "username", "external_id"):
        parameters[kind] = [value for one, value in keys if one == kind]
    statement = LOCK_NAMED if for_update else FIND_NAMED
    return [dict(row) for row in uow.execute(statement, parameters).mappings()]


def add_people(
    uow: UnitOfWork, organization_id: uuid.UUID, people: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """Stores new people and returns what events show of them."""
    return write(uow, INSERT, organization_id, people)


def change_people(
    uow: UnitOfWork, organization_id: uuid.UUID, people: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """Stores changed people, each one version on, and returns what events show of them."""
    return write(uow, UPDATE, organization_id, people)


def write(
    uow: UnitOfWork,
    statement: str,
    organization_id: uuid.UUID,
    people: Sequence[Mapping[str, Any]],
) -> list[Any]:
    """All people in one round trip, as one JSON parameter."""
    if not people:
        return []
    # SQLAlchemy's rows have names of a type of their own, which orjson takes for no string.
    rows = [{**{str(k): v for k, v in one.items()}, "username_key": key_of(one)} for one in people]
    parameters = {
        "organization_id": str(organization_id),
        "people": orjson.dumps(rows, default=str).decode(),
        "ids": [str(one["id"]) for one in people],
    }
    return list(uow.connection.exec_driver_sql(statement, parameters).all())


def key_of(person: Mapping[str, Any]) -> str | None:
    """The person's username in the form that is compared."""
    username = person["username"]
    return username_key(username) if username else None
