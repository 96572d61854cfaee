"""What holds wherever a password is set."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from chassis.database import UnitOfWork
from identity_service import errors
from identity_service.domain.password_rules import weakness_of
from identity_service.storage import credentials, links

NAMES = ("first_name", "last_name", "email", "username")


def require_strong(
    password: str, pointer: str, person: Any, organization_names: Iterable[str | None]
) -> None:
    """Invalid for a common password, or one made of what is known of `person` (an object or dict of fields)."""
    known = [
        person.get(name) if isinstance(person, dict) else getattr(person, name) for name in NAMES
    ]
    detail = weakness_of(password, [*known, *organization_names])
    if detail is not None:
        raise errors.weak_password(pointer, detail)


def replace_password(
    uow: UnitOfWork,
    organization_id: uuid.UUID,
    user_id: uuid.UUID,
    password_hash: str,
    *,
    kept_login: uuid.UUID | None = None,
) -> None:
    """Stores the new hash and ends the person's open links, and their logins but for `kept_login`."""
    credentials.set_hash(uow, organization_id, user_id, password_hash)
    links.end(uow, organization_id, [user_id])
    credentials.end_logins(uow, organization_id, user_id, except_id=kept_login)
    publish_revocation(uow, user_id, organization_id=organization_id)


def publish_revocation(
    uow: UnitOfWork,
    user_id: uuid.UUID,
    *,
    login_id: uuid.UUID | None = None,
    organization_id: uuid.UUID | None = None,
) -> None:
    """Tells whoever keeps tokens in memory: one login's, or all of a person's.

    A system-wide unit of work needs `organization_id`.
    """
    uow.publish(
        "credentials_revoked",
        subject=str(user_id),
        data={"user_id": str(user_id), "login_id": None if login_id is None else str(login_id)},
        organization_id=organization_id,
    )
