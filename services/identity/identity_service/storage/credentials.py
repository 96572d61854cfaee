"""Queries of passwords, logins and tokens. Most run in the system scope: who signs in has no organization yet."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.database import SYSTEM, Database, UnitOfWork
from chassis.prepared import Prepared
from identity_service.domain.tokens import TokenPair, digest_of
from identity_service.storage import organizations as organization_rows
from identity_service.storage import people
from identity_service.storage.tables import (
    access_tokens,
    logins,
    organizations,
    refresh_tokens,
    users,
)

# A person is in few organizations; more would only be a way to keep the service hashing.
MOST_ORGANIZATIONS = 10

VERIFY = Prepared(
    "verify_token",
    {"digest": "bytea"},
    """
    SELECT u.id, u.organization_id, u.roles, t.expires_at
      FROM access_tokens AS t JOIN users AS u ON u.organization_id = t.organization_id AND u.id = t.user_id
     WHERE t.digest = :digest AND t.expires_at > now() AND u.status = 'active'
    """,
)

CANDIDATES = (
    sa.select(
        users.c.id,
        users.c.organization_id,
        users.c.password_hash,
        organizations.c.slug,
        organizations.c.name,
    )
    .join(organizations, organizations.c.organization_id == users.c.organization_id)
    .where(users.c.password_hash.is_not(None), users.c.status == "active")
    .order_by(users.c.created_at, users.c.id)
    .limit(MOST_ORGANIZATIONS)
)
BY_EMAIL = CANDIDATES.where(users.c.email == sa.bindparam("login"))
BY_USERNAME = CANDIDATES.where(users.c.username_key == sa.bindparam("login"))
IN_THE_ORGANIZATION = organizations.c.slug == sa.bindparam("slug")
STATEMENTS = {
    (True, False): BY_EMAIL,
    (False, False): BY_USERNAME,
    (True, True): BY_EMAIL.where(IN_THE_ORGANIZATION),
    (False, True): BY_USERNAME.where(IN_THE_ORGANIZATION),
}

RESET_CANDIDATES = {
    key: statement.where(users.c.email.is_not(None)).with_for_update(key_share=True, of=users)
    for key, statement in STATEMENTS.items()
}

SIGNED_IN = (
    sa.select(*people.COLUMNS, users.c.password_hash)
    .where(
        users.c.organization_id == sa.bindparam("organization_id"),
        users.c.id == sa.bindparam("user_id"),
        users.c.status == "active",
    )
    .with_for_update(read=True, of=users)
)

LOCK_REFRESH_TOKEN = (
    sa.select(
        refresh_tokens.c.organization_id,
        refresh_tokens.c.login_id,
        refresh_tokens.c.used_at,
        refresh_tokens.c.used_by,
        (refresh_tokens.c.expires_at > sa.func.now()).label("is_fresh"),
        logins.c.user_id,
        logins.c.created_at.label("started_at"),
    )
    .join(
        logins,
        (logins.c.organization_id == refresh_tokens.c.organization_id)
        & (logins.c.id == refresh_tokens.c.login_id),
    )
    .where(refresh_tokens.c.digest == sa.bindparam("digest"))
    .with_for_update(of=[refresh_tokens, logins])
)


@dataclass(frozen=True, slots=True)
class Login:
    """One sign-in of one person: the family that all its tokens belong to."""

    organization_id: uuid.UUID
    id: uuid.UUID
    user_id: uuid.UUID


def verified(database: Database, token: str) -> tuple[Any, ...] | None:
    """Whose an access token is now (user, organization, roles, its end), in one round trip; None if nobody's."""
    rows = database.read(SYSTEM, VERIFY, {"digest": digest_of(token)})
    return rows[0] if rows else None


def sign_in_candidates(
    uow: UnitOfWork, login: str, *, is_email: bool, organization: str | None
) -> Sequence[Any]:
    """The active people with a password whom `login` (in the form that is compared) names, oldest first."""
    statement = STATEMENTS[is_email, organization is not None]
    return uow.execute(statement, {"login": login, "slug": organization}).all()


def hold_reset_candidates(
    uow: UnitOfWork, login: str, *, is_email: bool, organization: str | None
) -> Sequence[Any]:
    """As `sign_in_candidates`, but only people with an address; locked until the transaction ends."""
    statement = RESET_CANDIDATES[is_email, organization is not None]
    return uow.execute(statement, {"login": login, "slug": organization}).all()


def find_active(uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID) -> Any | None:
    """The person with `password_hash`, if active, held as such until the transaction ends."""
    ids = {"organization_id": organization_id, "user_id": user_id}
    return uow.execute(SIGNED_IN, ids).one_or_none()


def organization_of(uow: UnitOfWork, login: Login) -> Any:
    """The organization that a login is for."""
    return uow.execute(organization_rows.FIND, {"organization_id": login.organization_id}).one()


def add_login(uow: UnitOfWork, login: Login, expires_at: datetime) -> None:
    """Stores a new family. Its tokens follow."""
    row = {"organization_id": login.organization_id, "id": login.id, "user_id": login.user_id}
    uow.execute(logins.insert(), {**row, "expires_at": expires_at})


def add_tokens(
    uow: UnitOfWork,
    login: Login,
    pair: TokenPair,
    *,
    access_expires_at: datetime,
    refresh_expires_at: datetime,
) -> None:
    """Stores the digests of a pair; the family lives as long as its newest refresh token."""
    family = {"organization_id": login.organization_id, "login_id": login.id}
    uow.execute(
        access_tokens.insert(),
        {
            **family,
            "digest": digest_of(pair.access),
            "user_id": login.user_id,
            "expires_at": access_expires_at,
        },
    )
    uow.execute(
        refresh_tokens.insert(),
        {**family, "digest": digest_of(pair.refresh), "expires_at": refresh_expires_at},
    )


def lock_refresh_token(uow: UnitOfWork, token: str) -> Any | None:
    """The token's row and its login's, locked: two refreshes take turns."""
    return uow.execute(LOCK_REFRESH_TOKEN, {"digest": digest_of(token)}).one_or_none()


def mark_used(uow: UnitOfWork, token: str, operation_id: uuid.UUID) -> None:
    """A refresh token works once, and for the same operation again."""
    uow.execute(
        refresh_tokens.update()
        .where(refresh_tokens.c.digest == digest_of(token))
        .values(used_at=sa.func.now(), used_by=operation_id)
    )


def extend_login(uow: UnitOfWork, login: Login, expires_at: datetime) -> None:
    """Moves the family's end and drops its access tokens that are past theirs."""
    of_login = (logins.c.organization_id == login.organization_id) & (logins.c.id == login.id)
    uow.execute(logins.update().where(of_login).values(expires_at=expires_at))
    uow.execute(
        access_tokens.delete().where(
            access_tokens.c.organization_id == login.organization_id,
            access_tokens.c.login_id == login.id,
            access_tokens.c.expires_at < sa.func.now(),
        )
    )


def end_login(uow: UnitOfWork, organization_id: uuid.UUID, login_id: uuid.UUID) -> None:
    """Removes a family with all its tokens."""
    uow.execute(
        logins.delete().where(logins.c.organization_id == organization_id, logins.c.id == login_id)
    )


def find_login(uow: UnitOfWork, access_token: str) -> Login | None:
    """The login that an access token, expired or not, belongs to."""
    row = uow.execute(
        sa.select(
            access_tokens.c.organization_id, access_tokens.c.login_id, access_tokens.c.user_id
        ).where(access_tokens.c.digest == digest_of(access_token))
    ).one_or_none()
    return None if row is None else Login(row.organization_id, row.login_id, row.user_id)


def end_logins(
    uow: UnitOfWork,
    organization_id: uuid.UUID,
    user_id: uuid.UUID,
    *,
    except_id: uuid.UUID | None = None,
) -> int:
    """Removes a person's families with all their tokens, but for one, and returns how many."""
    of_user = (logins.c.organization_id == organization_id) & (logins.c.user_id == user_id)
    if except_id is not None:
        of_user &= logins.c.id != except_id
    return uow.rows_of(logins.delete().where(of_user)).rowcount


def forget_expired_logins(uow: UnitOfWork, limit: int = 10) -> None:
    """Removes a few families past their end, so that each sign-in pays for those that nobody ended."""
    dead = (
        sa.select(logins.c.organization_id, logins.c.id)
        .where(logins.c.expires_at < sa.func.now())
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("dead")
    )
    uow.execute(
        logins.delete().where(
            logins.c.organization_id == dead.c.organization_id, logins.c.id == dead.c.id
        )
    )


def find_hash(uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID) -> str | None:
    """The person's password hash, if they have a password."""
    statement = sa.select(users.c.password_hash).where(
        users.c.organization_id == organization_id, users.c.id == user_id
    )
    stored: str | None = uow.execute(statement).scalar_one_or_none()
    return stored


def set_hash(
    uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID, password_hash: str
) -> None:
    """Replaces the person's password hash."""
    uow.execute(
        users.update()
        .where(users.c.organization_id == organization_id, users.c.id == user_id)
        .values(password_hash=password_hash)
    )
