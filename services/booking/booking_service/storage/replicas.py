"""What booking remembers of identity's people and organizations. A newer version wins, in whatever order they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from booking_service.storage.tables import organizations
from chassis.database import UnitOfWork

# In order of id, so that two events about the same people can't deadlock.
STORE_PARTICIPANTS = sa.text(
    """
    INSERT INTO participants AS known (organization_id, id, roles, status, version)
    SELECT :organization_id, id, roles, status, version
      FROM (SELECT DISTINCT ON (id) *
              FROM jsonb_to_recordset(:people)
                   AS person (id uuid, roles text[], status text, version bigint)
             ORDER BY id, version DESC) AS newest
     ORDER BY id
    ON CONFLICT (organization_id, id) DO UPDATE
       SET roles = excluded.roles, status = excluded.status, version = excluded.version
     WHERE known.version < excluded.version
    """
).bindparams(sa.bindparam("organization_id", type_=sa.Uuid), sa.bindparam("people", type_=JSONB))

_new_organization = insert(organizations)
STORE_ORGANIZATION = _new_organization.on_conflict_do_update(
    index_elements=["organization_id"],
    set_={
        name: _new_organization.excluded[name]
        for name in ("time_zone", "conflict_policy", "students_may_book", "version")
    },
    where=organizations.c.version < _new_organization.excluded.version,
)


def store_participants(uow: UnitOfWork, people: Sequence[Mapping[str, Any]]) -> None:
    """Keeps what is newer of `people` (`id, roles, status, version`)."""
    plain = [
        {
            "id": str(person["id"]),
            "roles": list(person["roles"]),
            "status": person["status"],
            "version": person["version"],
        }
        for person in people
    ]
    uow.execute(STORE_PARTICIPANTS, {"organization_id": uow.organization_id, "people": plain})


def store_organization(uow: UnitOfWork, organization: Mapping[str, Any]) -> None:
    """Keeps the settings if they are newer (`time_zone, conflict_policy, students_may_book, version`)."""
    uow.execute(
        STORE_ORGANIZATION,
        {
            "organization_id": uow.organization_id,
            "time_zone": organization["time_zone"],
            "conflict_policy": organization["conflict_policy"],
            "students_may_book": organization["students_may_book"],
            "version": organization["version"],
        },
    )
