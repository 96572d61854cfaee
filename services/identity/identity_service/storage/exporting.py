"""What identity holds about one person, as an export shows it. Password and tokens are stored as digests only."""

from __future__ import annotations

import uuid
from typing import Any, Final

import sqlalchemy as sa

from chassis.exporting import listed
from chassis.fields import rfc3339
from identity_service import schemas
from identity_service.storage.audit_tables import audit_entries
from identity_service.storage.people import COLUMNS
from identity_service.storage.sign_in_tables import links
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


def link(row: Any, _: uuid.UUID) -> dict[str, Any]:
    """One invitation or way to a new password; the link itself is never stored."""
    return {
        "id": str(row.id),
        "purpose": row.purpose,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "used_at": None if row.used_at is None else rfc3339(row.used_at),
    }


def entry(row: Any, person_id: uuid.UUID) -> dict[str, Any]:
    """An entry of the audit log. From where somebody else acted is nobody's but theirs."""
    return {
        "number": row.number,
        "at": rfc3339(row.at),
        "actor_id": None if row.actor_id is None else str(row.actor_id),
        "address": row.address if row.actor_id == person_id else None,
        "action": row.action,
        "targets": [str(target) for target in row.targets],
        "details": row.details,
    }


PERSON: Final = sa.bindparam("person_id", type_=sa.Uuid)

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
    listed(
        "links",
        "Invitations and links for a new password that were mailed to the person.",
        sa.select(links).where(
            links.c.organization_id == sa.bindparam("organization_id"), links.c.user_id == PERSON
        ),
        (links.c.created_at, links.c.id),
        link,
    ),
    listed(
        "audit",
        "Entries of the audit log about what the person did, with the address it came from, and what was done to them.",
        sa.select(audit_entries).where(
            audit_entries.c.organization_id == sa.bindparam("organization_id"),
            (audit_entries.c.actor_id == PERSON) | (sa.any_(audit_entries.c.targets) == PERSON),
        ),
        (audit_entries.c.number,),
        entry,
    ),
)
