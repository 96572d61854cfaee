"""Whom a person may see: administrators everyone, the others themselves and those they are assigned to."""

from __future__ import annotations

from chassis.context import Actor
from chassis.errors import NotFound
from gateway import pages, rpc


def sees_everyone(actor: Actor) -> bool:
    """Whether the actor manages people."""
    return actor.has_role("owner", "admin")


def visible_ids(actor: Actor) -> list[str]:
    """The ids of a non-administrator's counterparts and their own."""
    found = {str(actor.user_id)}
    for own, other in sides(actor):
        filters = {f"{own}_id": str(actor.user_id), "status": "active"}
        assignments = pages.everything("assignment", "list_assignments", **filters)
        found.update(assignment[f"{other}_id"] for assignment in assignments)
    return sorted(found)


def require_visible(actor: Actor, user_id: str) -> None:
    """NotFound unless the actor may see that person: a stranger looks like nobody."""
    if not sees_everyone(actor) and not is_visible(actor, user_id):
        raise unknown_user()


def is_visible(actor: Actor, user_id: str) -> bool:
    """Whether a non-administrator may see that person."""
    if user_id == str(actor.user_id):
        return True
    return any(is_assigned(actor, own, other, user_id) for own, other in sides(actor))


def is_assigned(actor: Actor, own: str, other: str, user_id: str) -> bool:
    """Whether the actor, being `own`, and that person, being `other`, are assigned."""
    pair = {f"{own}_id": str(actor.user_id), f"{other}_id": user_id}
    page = rpc.call("assignment", "list_assignments", status="active", limit=1, **pair)
    return bool(page["items"])


def sides(actor: Actor) -> list[tuple[str, str]]:
    """(own role, the counterpart's) for each role that has counterparts."""
    both = [("instructor", "student"), ("student", "instructor")]
    return [(own, other) for own, other in both if actor.has_role(own)]


def unknown_user() -> NotFound:
    """What identity says of an unknown person."""
    return NotFound("identity.unknown_user", "There is no such person.")
