"""The import service's entrypoints."""

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
from import_service import events, schemas, use_cases
from import_service.clients import Assignment, Identity
from import_service.storage.exporting import SECTIONS


class Service(ServiceBase):
    """The Multi-User Upload Tool."""

    name = events.SERVICE

    @rpc
    def create_import(self, **payload: Any) -> Any:
        """Announces a file."""
        wanted = load(schemas.CreateArguments, payload)
        return use_cases.create_import(
            self.database, current_actor(), current_operation(), **wanted
        )

    @rpc
    def append_chunk(self, **payload: Any) -> None:
        """Takes a part of the file."""
        wanted = load(schemas.ChunkArguments, payload)
        use_cases.append_chunk(self.database, current_actor(), current_operation(), **wanted)

    @rpc
    def start_import(self, **payload: Any) -> Any:
        """Checks the file and has it read and planned."""
        wanted = load(schemas.StartArguments, payload)
        return use_cases.start_import(self.database, current_actor(), current_operation(), **wanted)

    @rpc
    def get_import(self, **payload: Any) -> Any:
        """Says how an import stands."""
        wanted = load(schemas.ImportArguments, payload)
        return use_cases.get_import(self.database, current_actor(), **wanted)

    @rpc
    def list_rows(self, **payload: Any) -> Any:
        """A page of an import's rows."""
        wanted = load(schemas.ListRowsArguments, payload)
        return use_cases.list_rows(self.database, current_actor(), **wanted)

    @rpc
    def apply_import(self, **payload: Any) -> Any:
        """Has a plan done."""
        wanted = load(schemas.ImportArguments, payload)
        return use_cases.apply_import(self.database, current_actor(), current_operation(), **wanted)

    @rpc
    def cancel_import(self, **payload: Any) -> Any:
        """Stops an import."""
        wanted = load(schemas.ImportArguments, payload)
        return use_cases.cancel_import(
            self.database, current_actor(), current_operation(), **wanted
        )

    @rpc
    def report(self, **payload: Any) -> Any:
        """A part of an import's report, as CSV."""
        wanted = load(schemas.ReportArguments, payload)
        return use_cases.report(self.database, current_actor(), **wanted)

    @rpc
    def template(self, **payload: Any) -> Any:
        """A file to start from."""
        load(schemas.NoArguments, payload)
        return use_cases.template(current_actor())

    @rpc
    def export_person(self, **payload: Any) -> Any:
        """A page of what is held about a person."""
        wanted = load(ExportArguments, payload)
        return export_person(self.database, current_actor(), SECTIONS, **wanted)

    @rpc
    def erasure(self, **payload: Any) -> Any:
        """Since when a person is forgotten here."""
        return erasure(self.database, current_actor(), **load(PersonArguments, payload))

    @on_event("identity", "user_erased", prefetch=1, seconds=ERASING_SECONDS)
    def on_identity_user_erased(self, event: Event) -> None:
        """Takes erased people out of what was uploaded."""
        use_cases.forget_erased(self.database, Identity(self.neighbours), event)

    @on_event(events.SERVICE, "import_step_due", prefetch=2)
    def on_import_import_step_due(self, event: Event) -> None:
        """Does one chunk of an import's work."""
        due = load(events.StepDueData, event.data)
        use_cases.run_step(
            self.database, Identity(self.neighbours), Assignment(self.neighbours), event, **due
        )
