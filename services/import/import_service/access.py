"""Who may import."""

from __future__ import annotations

from chassis.context import Actor
from import_service import errors


def require_importer(actor: Actor) -> None:
    """Admins and owners may import, and see what was imported; Forbidden for anybody else."""
    if not actor.has_role("admin", "owner"):
        raise errors.admins_only()
