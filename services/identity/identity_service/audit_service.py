"""The entrypoints of the audit log, in a part of their own of the service class."""

from __future__ import annotations

from typing import Any

from chassis import audit, context
from chassis.batches import on_events
from chassis.events import Event
from chassis.fields import load
from chassis.rpc.server import rpc
from chassis.service import ServiceBase
from identity_service import audit_schemas
from identity_service.use_cases import auditing

# Nobody waits for an entry, and an organization's entries are made one after another: few, larger batches.
PREFETCH = 64


class AuditService(ServiceBase):
    """Puts what happened on record, and shows the record to owners."""

    @rpc
    def list_audit(self, **payload: Any) -> dict[str, Any]:
        """A page of the audit log, newest first."""
        arguments = load(audit_schemas.ListAuditSchema, payload)
        return auditing.list_audit(self.database, context.current_actor(), **arguments)

    @rpc
    def export_audit(self, **payload: Any) -> dict[str, Any]:
        """Some of the audit log by number."""
        arguments = load(audit_schemas.ExportAuditSchema, payload)
        return auditing.export_audit(self.database, context.current_actor(), **arguments)

    @on_events("identity", audit.EVENT, prefetch=PREFETCH)
    def on_identity_audit_recorded(self, events: list[Event]) -> None:
        """Our own actions."""
        auditing.append(self.database, events)

    @on_events("booking", audit.EVENT, prefetch=PREFETCH)
    def on_booking_audit_recorded(self, events: list[Event]) -> None:
        """Overlaps that were allowed."""
        auditing.append(self.database, events)

    @on_events("messaging", audit.EVENT, prefetch=PREFETCH)
    def on_messaging_audit_recorded(self, events: list[Event]) -> None:
        """Conversations that an administrator read."""
        auditing.append(self.database, events)

    @on_events("identity", "user_created", prefetch=PREFETCH)
    def on_identity_user_created(self, events: list[Event]) -> None:
        """People who came."""
        auditing.append(self.database, events)

    @on_events("identity", "user_archived", prefetch=PREFETCH)
    def on_identity_user_archived(self, events: list[Event]) -> None:
        """People who went."""
        auditing.append(self.database, events)

    @on_events("identity", "user_restored", prefetch=PREFETCH)
    def on_identity_user_restored(self, events: list[Event]) -> None:
        """People who came back."""
        auditing.append(self.database, events)

    @on_events("assignment", "assignment_created", prefetch=PREFETCH)
    def on_assignment_assignment_created(self, events: list[Event]) -> None:
        """Pairs that may work together."""
        auditing.append(self.database, events)

    @on_events("assignment", "assignment_ended", prefetch=PREFETCH)
    def on_assignment_assignment_ended(self, events: list[Event]) -> None:
        """Pairs that no longer may."""
        auditing.append(self.database, events)

    @on_events("import", "import_finished", prefetch=PREFETCH)
    def on_import_import_finished(self, events: list[Event]) -> None:
        """Uploads that came to an end."""
        auditing.append(self.database, events)
