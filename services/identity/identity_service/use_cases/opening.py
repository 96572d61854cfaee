"""What opening a link and choosing a password have in common, whatever the link is for."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from chassis.context import Operation
from chassis.database import SYSTEM, Database, UnitOfWork
from identity_service import errors
from identity_service.domain.links import INVITATION, Links
from identity_service.storage import links as rows
from identity_service.use_cases.hashing import Hashing
from identity_service.use_cases.new_passwords import require_strong


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that a link's owner chose, hashed; no link when the call was answered before."""

    link_id: uuid.UUID | None
    purpose: str
    password_hash: str


def hash_for_link(
    database: Database,
    hashing: Hashing,
    links: Links,
    purpose: str,
    arguments: dict[str, Any],
    operation: Operation,
) -> NewPassword:
    """Checks token and password and hashes, outside of any transaction. A repeated call is not checked again."""
    with hashing.place(account=arguments["token"]) as place:
        with database.unit_of_work(SYSTEM) as uow:
            if uow.replay(operation) is not None:
                return NewPassword(None, purpose, "")
        link_id = links.id_in(purpose, arguments["token"])
        person = None if link_id is None else rows.find_open(database, link_id, purpose)
        if person is None or not fits(person, purpose):
            raise errors.bad_link()
        require_strong(arguments["password"], "/password", person, [person.organization_name])
        return NewPassword(link_id, purpose, place.hash(arguments["password"]))


def open_for_change(uow: UnitOfWork, new: NewPassword) -> Any:
    """The link's person, locked, if the link still opens; of two who use it at once only one gets here."""
    person = None if new.link_id is None else rows.lock_open(uow, new.link_id, new.purpose)
    if person is None or not fits(person, new.purpose):
        raise errors.bad_link()
    return person


def fits(person: Any, purpose: str) -> bool:
    """An invitation is for invited people, a reset for active ones; an archived person's links don't work."""
    expected = "invited" if purpose == INVITATION else "active"
    return bool(person.status == expected)
