"""Who may do what with assignments."""

from __future__ import annotations

import uuid

from assignment_service import errors
from assignment_service.domain import Pair
from chassis.context import Actor


def is_administrator(actor: Actor) -> bool:
    """Whether the actor runs the organization: owner or admin."""
    return actor.has_role("owner", "admin")


def may_change(actor: Actor) -> None:
    """Only administrators say who is assigned to whom."""
    if not is_administrator(actor):
        raise errors.admins_only()


def may_look_at_all(actor: Actor) -> None:
    """Only administrators look at everybody's pairs at once."""
    if not is_administrator(actor):
        raise errors.admins_only()


def may_look_at(actor: Actor, pair: Pair) -> None:
    """Administrators look at any pair, others only at pairs they belong to."""
    if not is_administrator(actor) and actor.user_id not in pair:
        raise errors.not_your_pair()


def confined_to(actor: Actor) -> uuid.UUID | None:
    """The person whose assignments alone the actor may list; None when all of them."""
    return None if is_administrator(actor) else actor.user_id
