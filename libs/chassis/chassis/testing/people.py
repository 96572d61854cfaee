"""Actors for tests."""

from __future__ import annotations

import uuid

from chassis.context import Actor


def actor(
    *roles: str, organization_id: uuid.UUID | None = None, user_id: uuid.UUID | None = None
) -> Actor:
    """A signed-in person with `roles`, of an organization of their own unless one is given."""
    return Actor(user_id or uuid.uuid4(), organization_id or uuid.uuid4(), frozenset(roles))
