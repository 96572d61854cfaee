"""Queries of people. Password hashes are read only by `storage.credentials`."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from chassis import unseen
from chassis.database import UnitOfWork, constraint_of
from identity_service import errors
from identity_service.domain.people import username_key
from identity_service.storage.tables import users

COLUMNS = (
    users.c.id,
    users.c.roles,
    users.c.first_name,
    users.c.last_name,
    users.c.email,
    users.c.username,
    users.c.status,
    users.c.time_zone,
    users.c.phone,
    users.c.external_id,
    users.c.created_at,
    users.c.updated_at,
    users.c.version,
    users.c.erased_at,
)

INSERT = users.insert().returning(*COLUMNS)
IN_ORGANIZATION = users.c.organization_id == sa.bindparam("organization_id")
FIND = sa.select(*COLUMNS).where(IN_ORGANIZATION, users.c.id == sa.bindparam("user_id"))
LOCK = FIND.with_for_update()
FIND_MANY = sa.select(*COLUMNS).where(
    users.c.organization_id == unseen.organization(),
    users.c.id == sa.any_(sa.bindparam("user_ids", type_=sa.ARRAY(sa.Uuid))),
)
# Shared locks: those who were found active stay so until the transaction that relies on it ends.
FIND_MANY_AND_HOLD = FIND_MANY.order_by(users.c.id).with_for_update(read=True)
OTHER_ACTIVE_OWNER = (
    sa.select(sa.literal(1))
    .where(
        IN_ORGANIZATION,
        users.c.id != sa.bindparam("user_id"),
        users.c.roles.overlap(sa.literal_column("ARRAY['owner', 'admin']")),
        users.c.roles.contains(sa.literal_column("ARRAY['owner']")),
        users.c.status == "active",
    )
    .limit(1)
)


@contextmanager
def conflicts_named() -> Iterator[None]:
    """Says what is taken when a unique index refuses a person."""
    try:
        yield
    except IntegrityError as error:
        conflict = errors.taken(constraint_of(error))
        if conflict is None:
            raise
        raise conflict from error


def add_user(uow: UnitOfWork, organization_id: uuid.UUID, person: dict[str, Any]) -> Any:
    """Stores a person (with `id`, `status`, `time_zone` and maybe `password_hash`) and returns the row."""
    values = {"organization_id": organization_id, **with_username_key(person)}
    with conflicts_named():
        return uow.execute(INSERT, values).one()


def change_user(
    uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID, changes: dict[str, Any]
) -> Any:
    """The changed row, one version on."""
    statement = (
        users.update()
        .where(users.c.organization_id == organization_id, users.c.id == user_id)
        .values(**with_username_key(changes), version=users.c.version + 1, updated_at=sa.func.now())
        .returning(*COLUMNS)
    )
    with conflicts_named():
        return uow.execute(statement).one()


def with_username_key(values: dict[str, Any]) -> dict[str, Any]:
    """Adds the form of the username that is compared, if there is a username among `values`."""
    if "username" not in values:
        return values
    username = values["username"]
    return {**values, "username_key": username_key(username) if username else None}


def find_user(uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID) -> Any | None:
    """The person's row."""
    ids = {"organization_id": organization_id, "user_id": user_id}
    return uow.execute(FIND, ids).one_or_none()


def lock_user(uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID) -> Any:
    """The person's row, locked for a change; NotFound if there is none."""
    ids = {"organization_id": organization_id, "user_id": user_id}
    row = uow.execute(LOCK, ids).one_or_none()
    if row is None:
        raise errors.unknown_user()
    return row


def find_users(
    uow: UnitOfWork, organization_id: uuid.UUID, user_ids: Collection[uuid.UUID]
) -> Sequence[Any]:
    """The rows of those that exist, in no order."""
    return uow.execute(
        FIND_MANY, {"organization_id": organization_id, "user_ids": list(user_ids)}
    ).all()


def hold_users(
    uow: UnitOfWork, organization_id: uuid.UUID, user_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, Any]:
    """The rows of those that exist by id; nobody changes them until the transaction ends."""
    if not user_ids:
        return {}
    rows = uow.execute(
        FIND_MANY_AND_HOLD, {"organization_id": organization_id, "user_ids": list(user_ids)}
    )
    return {row.id: row for row in rows}


def has_other_active_owner(uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID) -> bool:
    """Whether somebody else owns the organization as well."""
    ids = {"organization_id": organization_id, "user_id": user_id}
    return uow.execute(OTHER_ACTIVE_OWNER, ids).first() is not None
