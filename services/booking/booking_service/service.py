"""The booking service's entrypoints: load, one call, dump."""

from __future__ import annotations

from typing import Any

from booking_service import schemas, use_cases
from booking_service.clients import Neighbours
from booking_service.domain import Action
from booking_service.storage.exporting import SECTIONS
from chassis.consumer import on_event
from chassis.context import current_actor, current_operation
from chassis.erasing import ERASING_SECONDS, erasure
from chassis.events import Event
from chassis.exporting import ExportArguments, PersonArguments, export_person
from chassis.fields import load
from chassis.rpc.server import rpc
from chassis.service import ServiceBase


class Service(ServiceBase):
    """Booking on the bus."""

    name = "booking"

    @property
    def others(self) -> Neighbours:
        """The services that booking asks."""
        return Neighbours(self.neighbours)

    @rpc
    def book_session(self, **payload: Any) -> Any:
        arguments = load(schemas.BookSession, payload)
        return use_cases.book_session(
            self.database, self.others, current_actor(), arguments, current_operation()
        )

    @rpc
    def request_session(self, **payload: Any) -> Any:
        arguments = load(schemas.RequestSession, payload)
        return use_cases.request_session(
            self.database, self.others, current_actor(), arguments, current_operation()
        )

    @rpc
    def reschedule_session(self, **payload: Any) -> Any:
        arguments = load(schemas.RescheduleSession, payload)
        return use_cases.reschedule_session(
            self.database, self.others, current_actor(), arguments, current_operation()
        )

    @rpc
    def confirm_session(self, **payload: Any) -> Any:
        return self._change_status("confirm", payload)

    @rpc
    def decline_session(self, **payload: Any) -> Any:
        return self._change_status("decline", payload)

    @rpc
    def cancel_session(self, **payload: Any) -> Any:
        return self._change_status("cancel", payload)

    @rpc
    def complete_session(self, **payload: Any) -> Any:
        return self._change_status("complete", payload)

    @rpc
    def miss_session(self, **payload: Any) -> Any:
        return self._change_status("miss", payload)

    def _change_status(self, action: Action, payload: dict[str, Any]) -> Any:
        arguments = load(schemas.ChangeStatus, payload)
        return use_cases.change_status(
            self.database, self.others, current_actor(), action, arguments, current_operation()
        )

    @rpc
    def get_session(self, **payload: Any) -> Any:
        arguments = load(schemas.GetSession, payload)
        return use_cases.get_session(self.database, current_actor(), arguments["session_id"])

    @rpc
    def list_sessions(self, **payload: Any) -> Any:
        arguments = load(schemas.ListSessions, payload)
        return use_cases.list_sessions(self.database, current_actor(), arguments)

    @rpc
    def count_future_sessions(self, **payload: Any) -> Any:
        arguments = load(schemas.Pair, payload)
        return use_cases.count_future_sessions(self.database, current_actor(), arguments)

    @rpc
    def cancel_future_sessions(self, **payload: Any) -> Any:
        arguments = load(schemas.Pair, payload)
        return use_cases.cancel_future_sessions(
            self.database, current_actor(), arguments, current_operation()
        )

    @rpc
    def refresh_participants(self, **payload: Any) -> None:
        user_ids = load(schemas.RefreshParticipants, payload)["user_ids"]
        use_cases.refresh_participants(self.database, self.others, current_actor(), user_ids)

    @rpc
    def refresh_organization(self, **payload: Any) -> None:
        load(schemas.NoArguments, payload)
        use_cases.refresh_organization(self.database, self.others, current_actor())

    @rpc
    def export_person(self, **payload: Any) -> Any:
        arguments = load(ExportArguments, payload)
        return export_person(self.database, current_actor(), SECTIONS, **arguments)

    @rpc
    def erasure(self, **payload: Any) -> Any:
        return erasure(self.database, current_actor(), **load(PersonArguments, payload))

    @on_event("identity", "user_erased", seconds=ERASING_SECONDS)
    def on_identity_user_erased(self, event: Event) -> None:
        use_cases.apply_erasure(self.database, event)

    @on_event("identity", "user_created")
    def on_identity_user_created(self, event: Event) -> None:
        use_cases.apply_people_event(self.database, event)

    @on_event("identity", "user_updated")
    def on_identity_user_updated(self, event: Event) -> None:
        use_cases.apply_people_event(self.database, event)

    @on_event("identity", "user_archived")
    def on_identity_user_archived(self, event: Event) -> None:
        use_cases.apply_people_event(self.database, event)

    @on_event("identity", "user_restored")
    def on_identity_user_restored(self, event: Event) -> None:
        use_cases.apply_people_event(self.database, event)

    @on_event("identity", "organization_created")
    def on_identity_organization_created(self, event: Event) -> None:
        use_cases.apply_organization_event(self.database, event)

    @on_event("identity", "organization_updated")
    def on_identity_organization_updated(self, event: Event) -> None:
        use_cases.apply_organization_event(self.database, event)

    @on_event("assignment", "assignment_ended")
    def on_assignment_assignment_ended(self, event: Event) -> None:
        use_cases.cancel_after_assignments_ended(self.database, event)
