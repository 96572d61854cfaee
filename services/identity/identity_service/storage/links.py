"""Links and the mails that carry them: both are made in one statement, for one person or for thousands."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from chassis.database import SYSTEM, Database, UnitOfWork
from identity_service.storage.pruning import prune
from identity_service.storage.sign_in_tables import links
from identity_service.storage.tables import organizations, users

# Nobody waits in front of the screen for an invitation.
PRIORITIES = {"password_reset": 0, "password_changed": 0, "invitation": 1}  # nosec B105 # kinds of mail

END_OPEN = """
    UPDATE links SET used_at = now()
     WHERE organization_id = %(organization_id)s::uuid AND user_id = ANY(%(user_ids)s::uuid[])
       AND (%(purpose)s::text IS NULL OR purpose = %(purpose)s::text) AND used_at IS NULL
"""

ADD = """
    WITH made AS (
        INSERT INTO links (organization_id, id, user_id, purpose, expires_at)
        SELECT %(organization_id)s::uuid, gen_random_uuid(), user_id, %(purpose)s, now() + %(life)s
          FROM unnest(%(user_ids)s::uuid[]) AS user_id
        RETURNING organization_id, id, user_id
    )
    INSERT INTO mails (organization_id, id, user_id, kind, link_id, priority)
    SELECT organization_id, gen_random_uuid(), user_id, %(purpose)s, id, %(priority)s FROM made
"""

# What was planned while a table was small, for its foreign keys too, would read the whole of it for each of thousands.
FOR_THOUSANDS = "DISCARD PLANS; SET LOCAL enable_nestloop = off; SET LOCAL enable_seqscan = off"
MANY = 100

ADD_NOTICE = """
    INSERT INTO mails (organization_id, id, user_id, kind, priority)
    SELECT organization_id, gen_random_uuid(), id, 'password_changed', 0
      FROM users WHERE organization_id = %(organization_id)s::uuid AND id = %(user_id)s::uuid AND email IS NOT NULL
"""

OPEN_INVITATION = (
    sa.select(sa.literal(1))
    .where(
        links.c.organization_id == users.c.organization_id,
        links.c.user_id == users.c.id,
        links.c.purpose == "invitation",
        links.c.used_at.is_(None),
        links.c.expires_at > sa.func.now(),
    )
    .correlate(users)
    .exists()
)
INVITABLE = (
    users.c.organization_id == sa.bindparam("organization_id"),
    users.c.status == "invited",
    users.c.email.is_not(None),
)
# Shared by nobody, but readable: an invitation doesn't change its person.
HOLD_INVITABLE = (
    sa.select(users.c.id)
    .where(*INVITABLE, users.c.id == sa.any_(sa.bindparam("user_ids", type_=sa.ARRAY(sa.Uuid))))
    .order_by(users.c.id)
    .with_for_update(key_share=True)
)
HOLD_HELD_BACK_AMONG = HOLD_INVITABLE.where(~OPEN_INVITATION)
HOLD_HELD_BACK = (
    sa.select(users.c.id)
    .where(*INVITABLE, ~OPEN_INVITATION)
    .order_by(users.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(key_share=True)
)

OPENED = (
    sa.select(
        links.c.id,
        links.c.organization_id,
        links.c.user_id,
        users.c.status,
        users.c.first_name,
        users.c.last_name,
        users.c.email,
        users.c.username,
        organizations.c.name.label("organization_name"),
    )
    .join(
        users,
        (users.c.organization_id == links.c.organization_id) & (users.c.id == links.c.user_id),
    )
    .join(organizations, organizations.c.organization_id == links.c.organization_id)
    .where(
        links.c.id == sa.bindparam("link_id"),
        links.c.purpose == sa.bindparam("purpose"),
        links.c.used_at.is_(None),
        links.c.expires_at > sa.func.now(),
    )
)
# The person first: whoever makes a new link for somebody has locked them.
LOCK_OPENED = OPENED.with_for_update(of=[users, links])


def add(
    uow: UnitOfWork,
    organization_id: uuid.UUID,
    user_ids: Collection[uuid.UUID],
    purpose: str,
    life: timedelta,
) -> None:
    """A link and its mail for each of these people, whom the caller has locked. Their older links of the kind end."""
    parameters = {
        "organization_id": str(organization_id),
        "user_ids": [str(user_id) for user_id in user_ids],
        "purpose": purpose,
        "life": life,
        "priority": PRIORITIES[purpose],
    }
    if len(user_ids) > MANY:
        uow.connection.exec_driver_sql(FOR_THOUSANDS)
    uow.connection.exec_driver_sql(END_OPEN, parameters)
    uow.connection.exec_driver_sql(ADD, parameters)


def end(uow: UnitOfWork, organization_id: uuid.UUID, user_ids: Collection[uuid.UUID]) -> None:
    """Ends all open links of these people."""
    parameters = {
        "organization_id": str(organization_id),
        "user_ids": [str(user_id) for user_id in user_ids],
        "purpose": None,
    }
    uow.connection.exec_driver_sql(END_OPEN, parameters)


def add_notice(uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """A mail that says that the password was changed, if the person has an address."""
    parameters = {"organization_id": str(organization_id), "user_id": str(user_id)}
    uow.connection.exec_driver_sql(ADD_NOTICE, parameters)


def find_open(database: Database, link_id: uuid.UUID, purpose: str) -> Any | None:
    """An open link with its person and organization, as they are now."""
    with database.unit_of_work(SYSTEM) as uow:
        return uow.execute(OPENED, {"link_id": link_id, "purpose": purpose}).one_or_none()


def lock_open(uow: UnitOfWork, link_id: uuid.UUID, purpose: str) -> Any | None:
    """The same, locked: of two who use one link at once the second finds none."""
    return uow.execute(LOCK_OPENED, {"link_id": link_id, "purpose": purpose}).one_or_none()


def hold_invitable(
    uow: UnitOfWork,
    organization_id: uuid.UUID,
    user_ids: Collection[uuid.UUID],
    *,
    only_held_back: bool = False,
) -> list[uuid.UUID]:
    """Those of `user_ids` who can be invited: invited people with an address. Locked until the transaction ends."""
    statement = HOLD_HELD_BACK_AMONG if only_held_back else HOLD_INVITABLE
    parameters = {"organization_id": organization_id, "user_ids": list(user_ids)}
    return list(uow.execute(statement, parameters).scalars())


def hold_held_back(uow: UnitOfWork, organization_id: uuid.UUID, most: int) -> list[uuid.UUID]:
    """Up to `most` people who can be invited and have no open invitation. Locked until the transaction ends."""
    uow.connection.exec_driver_sql(FOR_THOUSANDS)
    parameters = {"organization_id": organization_id, "most": most}
    return list(uow.execute(HOLD_HELD_BACK, parameters).scalars())


def forget_old(uow: UnitOfWork, before: datetime, limit: int = 1000) -> int:
    """Deletes some links, with their mails, that expired before a moment, and returns how many."""
    return prune(uow, links, links.c.expires_at < before, limit)
