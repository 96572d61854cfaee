"""Whose rows a transaction may see: one organization's, or, for the system's own work, all."""

from __future__ import annotations

import uuid
from typing import Final


class System:
    """The scope of work that belongs to no single organization, such as the outbox relay."""


SYSTEM: Final = System()
Scope = uuid.UUID | System


def scope_statement(scope: Scope) -> str:
    """SQL that tells row level security about `scope` until the transaction ends; nothing set means no rows.

    The value is a UUID's own text or a constant, so it can't carry SQL.
    """
    if isinstance(scope, System):
        return "SELECT set_config('app.system', 'on', true)"
    if not isinstance(scope, uuid.UUID):
        raise TypeError("a scope is an organization's UUID or SYSTEM")
    return f"SELECT set_config('app.organization_id', '{scope}', true)"
