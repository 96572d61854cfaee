"""Messaging's entrypoints on the bus."""

from __future__ import annotations

from typing import Any

from chassis.consumer import on_event
from chassis.context import current_actor, current_operation
from chassis.erasing import ERASING_SECONDS, erasure
from chassis.events import Event
from chassis.exporting import ExportArguments, PersonArguments, export_person
from chassis.fields import load
from chassis.rpc.server import rpc
from chassis.service import ServiceBase
from messaging_service import events, schemas, use_cases
from messaging_service.clients import Assignments
from messaging_service.storage.exporting import SECTIONS


class Service(ServiceBase):
    """Conversations between an instructor and a student who are assigned to each other."""

    name = "messaging"

    @rpc
    def open_conversation(self, **payload: Any) -> dict[str, Any]:
        """See `use_cases.open_conversation`; so for all below."""
        arguments = load(schemas.OpenConversation, payload)
        assignments = Assignments(self.neighbours)
        return use_cases.open_conversation(
            self.database, assignments, current_actor(), current_operation(), **arguments
        )

    @rpc
    def get_conversation(self, **payload: Any) -> dict[str, Any]:
        arguments = load(schemas.GetConversation, payload)
        return use_cases.get_conversation(self.database, current_actor(), **arguments)

    @rpc
    def send_message(self, **payload: Any) -> dict[str, Any]:
        arguments = load(schemas.SendMessage, payload)
        assignments = Assignments(self.neighbours)
        return use_cases.send_message(
            self.database, assignments, current_actor(), current_operation(), **arguments
        )

    @rpc
    def list_conversations(self, **payload: Any) -> dict[str, Any]:
        arguments = load(schemas.ListConversations, payload)
        return use_cases.list_conversations(self.database, current_actor(), **arguments)

    @rpc
    def list_messages(self, **payload: Any) -> dict[str, Any]:
        arguments = load(schemas.ListMessages, payload)
        return use_cases.list_messages(self.database, current_actor(), **arguments)

    @rpc
    def mark_read(self, **payload: Any) -> None:
        arguments = load(schemas.MarkRead, payload)
        use_cases.mark_read(self.database, current_actor(), current_operation(), **arguments)

    @rpc
    def export_person(self, **payload: Any) -> dict[str, Any]:
        arguments = load(ExportArguments, payload)
        return export_person(self.database, current_actor(), SECTIONS, **arguments)

    @rpc
    def erasure(self, **payload: Any) -> dict[str, Any]:
        return erasure(self.database, current_actor(), **load(PersonArguments, payload))

    @on_event("identity", "user_erased", seconds=ERASING_SECONDS)
    def on_identity_user_erased(self, event: Event) -> None:
        use_cases.forget_erased(self.database, event)

    @on_event("assignment", "assignment_created")
    def on_assignment_assignment_created(self, event: Event) -> None:
        began = events.began(event.data)
        use_cases.note_assignments(self.database, event, "on_assignment_assignment_created", began)

    @on_event("assignment", "assignment_ended")
    def on_assignment_assignment_ended(self, event: Event) -> None:
        ended = events.ended(event.data)
        use_cases.note_assignments(self.database, event, "on_assignment_assignment_ended", ended)
