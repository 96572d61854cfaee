"""A new password for whoever has forgotten theirs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from chassis import audit
from chassis.context import Operation
from chassis.database import SYSTEM, Database, UnitOfWork
from identity_service.domain.links import PASSWORD_RESET, Links
from identity_service.domain.throttle import Throttle
from identity_service.storage import credentials, throttles
from identity_service.storage import links as rows
from identity_service.use_cases import new_passwords
from identity_service.use_cases.hashing import Hashing
from identity_service.use_cases.opening import hash_for_link, open_for_change
from identity_service.use_cases.trying import compared

# Every answer takes at least this long, so that its time does not tell whether there was somebody to write to.
ANSWER_SECONDS = 0.1

NOBODY = uuid.UUID(int=0)


def forgot_password(
    database: Database,
    throttle: Throttle,
    links: Links,
    arguments: dict[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Mails a link to each active person with an address whom the login names. The answer is always the same.

    In several organizations there is a link for each, because each account has a password of its own. Asked for too
    often, nothing is mailed: else anybody could fill anybody's mailbox, and end the link they were about to open.
    """
    started = time.monotonic()
    with database.unit_of_work(SYSTEM) as uow:
        if uow.replay(operation) is None:
            mail_links(uow, throttle, links, arguments)
            uow.record(operation, {})
            uow.commit()
    time.sleep(max(started + ANSWER_SECONDS - time.monotonic(), 0))
    return {}


def mail_links(
    uow: UnitOfWork, throttle: Throttle, links: Links, arguments: dict[str, Any]
) -> None:
    """The same statements whether or not there is somebody."""
    login, is_email = compared(arguments["login"])
    attempt = throttles.take(uow, throttle.password_reset(login), throttle.known_for)
    found = credentials.hold_reset_candidates(
        uow, login, is_email=is_email, organization=arguments["organization"]
    )
    people: Sequence[Any] = found if attempt.taken else ()
    if not people:
        rows.add(uow, NOBODY, [], PASSWORD_RESET, links.reset_life)
    for person in people:
        rows.add(uow, person.organization_id, [person.id], PASSWORD_RESET, links.reset_life)
        audit.record(
            uow,
            "password.reset_requested",
            targets=[person.id],
            organization_id=person.organization_id,
        )


def reset_password(
    database: Database,
    hashing: Hashing,
    links: Links,
    arguments: dict[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Sets the password of the person whose link it is, ends all their logins, and tells them by mail."""
    new = hash_for_link(database, hashing, links, PASSWORD_RESET, arguments, operation)
    with database.unit_of_work(SYSTEM) as uow:
        if uow.replay(operation) is None:
            person = open_for_change(uow, new)
            change(uow, person.organization_id, person.user_id, new.password_hash)
            uow.record(operation, {})
            uow.commit()
    return {}


def change(
    uow: UnitOfWork, organization_id: uuid.UUID, user_id: uuid.UUID, password_hash: str
) -> None:
    """The new password, with the notice and the audit log's entry."""
    new_passwords.replace_password(uow, organization_id, user_id, password_hash)
    rows.add_notice(uow, organization_id, user_id)
    audit.record(
        uow,
        "password.reset",
        targets=[user_id],
        actor_id=user_id,
        organization_id=organization_id,
    )
