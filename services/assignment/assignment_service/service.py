"""The assignment service's entrypoints."""

from __future__ import annotations

from typing import Any

from assignment_service import events, schemas, use_cases
from assignment_service.clients import Identity
from assignment_service.domain import FutureSessions, Pair, Source
from assignment_service.storage.erasing import SECTIONS
from chassis.consumer import on_event
from chassis.context import current_actor, current_operation
from chassis.erasing import ERASING_SECONDS, erasure
from chassis.events import Event
from chassis.exporting import ExportArguments, PersonArguments, export_person
from chassis.fields import load
from chassis.rpc.server import rpc
from chassis.service import ServiceBase


class Service(ServiceBase):
    """Which instructor may work with which student."""

    name = "assignment"

    @property
    def identity(self) -> Identity:
        """The neighbour that knows the people."""
        return Identity(self.neighbours)

    @rpc
    def authorize(self, **payload: Any) -> Any:
        """Says whether a pair may work together now."""
        pair = schemas.load_pair(payload)
        return use_cases.authorize(self.database, self.identity, current_actor(), pair)

    @rpc
    def authorize_many(self, **payload: Any) -> Any:
        """Says it of up to 1000 pairs."""
        pairs = load(schemas.PairsArguments, payload)["pairs"]
        return use_cases.authorize_many(self.database, self.identity, current_actor(), pairs)

    @rpc
    def explain(self, **payload: Any) -> Any:
        """Says what the decision about a pair rests on."""
        pair = schemas.load_pair(payload)
        return use_cases.explain(self.database, self.identity, current_actor(), pair)

    @rpc
    def assign(self, **payload: Any) -> Any:
        """Assigns an instructor to a student."""
        pair = schemas.load_pair(payload)
        return use_cases.assign(
            self.database, self.identity, current_actor(), pair, current_operation()
        )

    @rpc
    def assign_many(self, **payload: Any) -> Any:
        """Assigns up to 1000 pairs."""
        wanted = load(schemas.ManyArguments, payload)
        return use_cases.assign_many(
            self.database,
            self.identity,
            current_actor(),
            wanted["pairs"],
            Source(wanted["source"]),
            current_operation(),
        )

    @rpc
    def end_assignment(self, **payload: Any) -> Any:
        """Ends a pair's assignment."""
        wanted = load(schemas.EndArguments, payload)
        pair = Pair(wanted["instructor_id"], wanted["student_id"])
        future_sessions = FutureSessions(wanted["future_sessions"])
        return use_cases.end_assignment(
            self.database, current_actor(), pair, future_sessions, current_operation()
        )

    @rpc
    def end_many(self, **payload: Any) -> Any:
        """Ends up to 1000 pairs' assignments."""
        pairs = load(schemas.ManyArguments, payload)["pairs"]
        return use_cases.end_many(self.database, current_actor(), pairs, current_operation())

    @rpc
    def list_assignments(self, **payload: Any) -> Any:
        """A page of assignments, newest first."""
        wanted = load(schemas.ListArguments, payload)
        return use_cases.list_assignments(self.database, current_actor(), **wanted)

    @rpc
    def list_partners(self, **payload: Any) -> Any:
        """The active pairs of up to 500 instructors or students."""
        wanted = load(schemas.PartnersArguments, payload)
        return use_cases.list_partners(self.database, current_actor(), **wanted)

    @rpc
    def refresh_participants(self, **payload: Any) -> Any:
        """Asks identity about people and keeps what is newer."""
        user_ids = load(schemas.PeopleArguments, payload)["user_ids"]
        use_cases.refresh_participants(self.database, self.identity, current_actor(), user_ids)

    @rpc
    def export_person(self, **payload: Any) -> Any:
        """A page of what is held about a person."""
        wanted = load(ExportArguments, payload)
        return export_person(self.database, current_actor(), SECTIONS, **wanted)

    @rpc
    def erasure(self, **payload: Any) -> Any:
        """Since when a person is forgotten here."""
        return erasure(self.database, current_actor(), **load(PersonArguments, payload))

    @on_event("identity", "user_erased", seconds=ERASING_SECONDS)
    def on_identity_user_erased(self, event: Event) -> None:
        """People who are gone for good."""
        use_cases.user_erased(self.database, event, events.read_people(event))

    @on_event("identity", "user_created")
    def on_identity_user_created(self, event: Event) -> None:
        """New people, and the instructors chosen for them."""
        people, chosen, assigned_by = events.read_user_created(event)
        use_cases.user_created(self.database, event, people, chosen, assigned_by)

    @on_event("identity", "user_updated")
    def on_identity_user_updated(self, event: Event) -> None:
        """Changed people."""
        use_cases.users_changed(self.database, event, events.read_people(event))

    @on_event("identity", "user_archived")
    def on_identity_user_archived(self, event: Event) -> None:
        """People who are not authorized any more."""
        use_cases.users_changed(self.database, event, events.read_people(event))

    @on_event("identity", "user_restored")
    def on_identity_user_restored(self, event: Event) -> None:
        """People who are back."""
        use_cases.users_changed(self.database, event, events.read_people(event))

    @on_event("booking", "session_booked")
    def on_booking_session_booked(self, event: Event) -> None:
        """A session; an administrator's assigns its pair."""
        if (booked := events.read_assigning_session(event)) is not None:
            pair, booked_by = booked
            use_cases.session_booked(self.database, event, pair, booked_by)
