"""Who may do what. Other services and the gateway ask on behalf of the signed-in actor."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from chassis.context import Actor
from identity_service import errors
from identity_service.domain.people import MANAGERS, touches_owner

# What people who manage nobody may change of themselves.
OWN_FIELDS = frozenset({"time_zone"})


def is_manager(actor: Actor) -> bool:
    """Whether the actor manages the organization's people."""
    return actor.has_role(*MANAGERS)


def require_manager(actor: Actor) -> None:
    """Admins and owners only."""
    if not is_manager(actor):
        raise errors.admins_only()


def require_may_read_audit(actor: Actor) -> None:
    """The audit log tells of everybody, of admins too: it is for owners."""
    if not actor.has_role("owner"):
        raise errors.owners_only()


def require_may_change(actor: Actor, user_id: uuid.UUID, fields: Collection[str]) -> None:
    """Managers change anybody; others only some fields of themselves."""
    if is_manager(actor):
        return
    if actor.user_id != user_id or not OWN_FIELDS.issuperset(fields):
        raise errors.admins_only()


def require_may_change_roles(actor: Actor, before: Collection[str], after: Collection[str]) -> None:
    """Ownership is given and taken by owners only."""
    if touches_owner(before, after) and not actor.has_role("owner"):
        raise errors.owners_only()


def require_may_manage(actor: Actor, roles: Collection[str]) -> None:
    """An owner's account is managed by owners only: whoever could change its address could take it over."""
    if "owner" in roles and not actor.has_role("owner"):
        raise errors.owners_only()


def visible_among(actor: Actor, among: Collection[uuid.UUID] | None) -> list[uuid.UUID] | None:
    """Whom a search may find: for managers everybody (None) or `among`; for others `among` and themselves.

    The gateway takes `among` from the assignments; identity knows of none.
    """
    if is_manager(actor):
        return None if among is None else list(among)
    return [actor.user_id, *(among or ())]
