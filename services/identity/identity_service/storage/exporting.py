"""What identity holds about one person, as an export shows it. Password and tokens are stored as digests only."""

from __future__ import annotations

import uuid
from typing import Any, Final

import sqlalchemy as sa

from chassis.exporting import listed
from chassis.fields import rfc3339
from identity_service import schemas
from identity_service.storage.people import COLUMNS
from identity_service.storage.tables import logins, organizations, users


def profile(row: Any, _: uuid.UUID) -> dict[str, Any]:
    """The person and the organization that keeps them."""
    organization = {"id": str(row.organization_id), "name": row.organization}
    return {**schemas.user_json(row), "organization": organization}


def sign_in(row: Any, _: uuid.UUID) -> dict[str, Any]:
    """One sign-in that still lasts."""
    return {
        "id": str(row.id),
        "signed_in_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
    }


SECTIONS: Final = (
    listed(
        "profile",
        "The person as the organization knows them.",
        sa.select(*COLUMNS, users.c.organization_id, organizations.c.name.label("organization"))
        .join(organizations, organizations.c.organization_id == users.c.organization_id)
        .where(
            users.c.organization_id == sa.bindparam("organization_id"),
            users.c.id == sa.bindparam("person_id"),
        ),
        (users.c.id,),
        profile,
    ),
    listed(
        "sign_ins",
        "Where the person is signed in now: each sign-in until it expires or is ended.",
        sa.select(logins.c.id, logins.c.created_at, logins.c.expires_at).where(
            logins.c.organization_id == sa.bindparam("organization_id"),
            logins.c.user_id == sa.bindparam("person_id"),
        ),
        (logins.c.created_at, logins.c.id),
        sign_in,
    ),
)
