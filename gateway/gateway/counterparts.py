"""Lists who is assigned to a person: assignments from one service, names from another."""

from __future__ import annotations

from typing import Any

from chassis.context import Actor
from gateway import rpc, visibility


def page_of(
    actor: Actor, own: str, user_id: str, other: str, query: dict[str, Any]
) -> dict[str, Any]:
    """A page of those who, as `other`, are assigned to the person, who is `own`.

    NotFound when the actor may not see that person, or when the person does not hold that role.
    """
    filters = {f"{own}_id": user_id, "status": "active", **scope(actor, user_id, other)}
    page = rpc.call("assignment", "list_assignments", **filters, **query)
    if f"{other}_id" in filters and not page["items"] and "cursor" not in query:
        raise visibility.unknown_user()
    others = [assignment[f"{other}_id"] for assignment in page["items"]]
    people = people_by_id([user_id, *others])
    if own not in people.get(user_id, {}).get("roles", ()):
        raise visibility.unknown_user()
    items = [item(assignment, other, people) for assignment in page["items"]]
    return {"items": items, "next_cursor": page["next_cursor"]}


def scope(actor: Actor, user_id: str, other: str) -> dict[str, str]:
    """Administrators and the person see all; a counterpart sees the own assignment; a stranger nothing."""
    if visibility.sees_everyone(actor) or user_id == str(actor.user_id):
        return {}
    if not actor.has_role(other):
        raise visibility.unknown_user()
    return {f"{other}_id": str(actor.user_id)}


def people_by_id(user_ids: list[str]) -> dict[str, dict[str, Any]]:
    """Those of the people whom identity knows."""
    wanted = sorted(set(user_ids))
    found = rpc.call("identity", "get_users", user_ids=wanted)["items"] if wanted else []
    return {user["id"]: user for user in found}


def item(
    assignment: dict[str, Any], other: str, people: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """An assignment seen from one side."""
    user_id = assignment[f"{other}_id"]
    return {
        "assignment_id": assignment["id"],
        other: {**named(user_id, people), "email": people.get(user_id, {}).get("email")},
        "source": assignment["source"],
        "assigned_at": assignment["assigned_at"],
    }


def named(user_id: str, people: dict[str, dict[str, Any]]) -> dict[str, str]:
    """A person's id and name."""
    person = people.get(user_id, {})
    return {
        "id": user_id,
        "first_name": person.get("first_name", ""),
        "last_name": person.get("last_name", ""),
    }
