"""What the audit log is told where an event says only how things are now, and not what they were."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from chassis import audit
from chassis.database import UnitOfWork
from identity_service.domain.people import ordered_roles


@dataclass(frozen=True, slots=True)
class Change:
    """Which fields of a person changed, and the roles before and after."""

    user_id: uuid.UUID
    fields: Collection[str]
    roles_before: Collection[str]
    roles_after: Collection[str]


def record_people_changed(uow: UnitOfWork, changes: Iterable[Change]) -> None:
    """At most two entries, however many people: one for roles, one for all else."""
    changes = list(changes)
    updated = [
        {"id": str(change.user_id), "fields": sorted(set(change.fields) - {"roles"})}
        for change in changes
        if set(change.fields) - {"roles"}
    ]
    roles = [
        {
            "id": str(change.user_id),
            "before": ordered_roles(change.roles_before),
            "after": ordered_roles(change.roles_after),
        }
        for change in changes
        if "roles" in change.fields
    ]
    record_people(uow, "user.updated", updated)
    record_people(uow, "user.roles_changed", roles)


def record_people(uow: UnitOfWork, action: str, people: list[dict[str, Any]]) -> None:
    """An action on the people whose ids stand in `people`; none for nobody."""
    if people:
        targets = [person["id"] for person in people]
        audit.record(uow, action, targets=targets, details={"people": people})


def record_organization_changed(uow: UnitOfWork, before: Any, changed: dict[str, Any]) -> None:
    """The settings before and after."""
    changes = {
        field: {"before": getattr(before, field), "after": value}
        for field, value in changed.items()
    }
    audit.record(uow, "organization.updated", targets=[before.id], details={"changes": changes})
