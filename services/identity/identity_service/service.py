"""Identity's entrypoints: load, one call, dump."""

from __future__ import annotations

from typing import Any

from environs import Env

from chassis import context
from chassis.consumer import on_event
from chassis.erasing import ERASING_SECONDS, erasure
from chassis.events import Event
from chassis.exporting import ExportArguments, PersonArguments
from chassis.fields import StrictSchema, load
from chassis.rpc.server import rpc
from identity_service import schemas, settings
from identity_service.sign_in_service import SignInService
from identity_service.use_cases import (
    erasing,
    exporting,
    lifecycle,
    organizations,
    people,
    search,
    upsert,
)


class Service(SignInService):
    """Organizations, people, credentials and tokens."""

    name = "identity"

    @classmethod
    def waiting_room(cls) -> int:
        """As many calls as may have a place for a hash."""
        return settings.load_hash_places(Env())

    @rpc
    def get_organization(self, **payload: Any) -> dict[str, Any]:
        """The actor's organization."""
        load(StrictSchema, payload)
        return organizations.get_organization(self.database, context.current_actor())

    @rpc
    def update_organization(self, **payload: Any) -> dict[str, Any]:
        """Changes the actor's organization."""
        arguments = load(schemas.UpdateOrganizationSchema, payload)
        return organizations.update_organization(
            self.database,
            context.current_actor(),
            **arguments,
            operation=context.current_operation(),
        )

    @rpc
    def create_user(self, **payload: Any) -> dict[str, Any]:
        """Adds a person, with assignments if instructors or students were chosen."""
        arguments = load(schemas.CreateUserSchema, payload)
        result = people.create_user(
            self.database,
            self.hashing,
            self.links,
            context.current_actor(),
            arguments,
            self.sealed_operation(),
        )
        self.mail.wake()
        return result

    @rpc
    def get_user(self, **payload: Any) -> dict[str, Any]:
        """One person."""
        user_id = load(schemas.UserIdSchema, payload)["user_id"]
        return people.get_user(self.database, context.current_actor(), user_id)

    @rpc
    def get_users(self, **payload: Any) -> dict[str, Any]:
        """Several people; who is unknown is left out."""
        user_ids = load(schemas.UserIdsSchema, payload)["user_ids"]
        return {"items": people.get_users(self.database, context.current_actor(), user_ids)}

    @rpc
    def update_user(self, **payload: Any) -> dict[str, Any]:
        """Changes a person."""
        arguments = load(schemas.UpdateUserSchema, payload)
        return lifecycle.update_user(
            self.database,
            context.current_actor(),
            **arguments,
            operation=context.current_operation(),
        )

    @rpc
    def archive_user(self, **payload: Any) -> dict[str, Any]:
        """Archives a person."""
        user_id = load(schemas.UserIdSchema, payload)["user_id"]
        return lifecycle.archive_user(
            self.database, context.current_actor(), user_id, context.current_operation()
        )

    @rpc
    def restore_user(self, **payload: Any) -> dict[str, Any]:
        """Restores a person."""
        user_id = load(schemas.UserIdSchema, payload)["user_id"]
        return lifecycle.restore_user(
            self.database, context.current_actor(), user_id, context.current_operation()
        )

    @rpc
    def erase_user(self, **payload: Any) -> dict[str, Any]:
        """Erases a person, for good."""
        arguments = load(schemas.EraseUserSchema, payload)
        return erasing.erase_user(
            self.database,
            context.current_actor(),
            **arguments,
            operation=self.sealed_operation(),
        )

    @rpc
    def erasure(self, **payload: Any) -> dict[str, Any]:
        """Since when everything here is forgotten of a person."""
        person = load(PersonArguments, payload)
        return erasure(self.database, context.current_actor(), **person)

    @rpc
    def former_names(self, **payload: Any) -> dict[str, Any]:
        """What an erased person was called, for whoever still has to forget it."""
        user_id = load(schemas.UserIdSchema, payload)["user_id"]
        return erasing.former_names(self.database, context.current_actor(), user_id)

    @rpc
    def forget_former_names(self, **payload: Any) -> None:
        """Nobody has to know any more."""
        user_id = load(schemas.UserIdSchema, payload)["user_id"]
        erasing.forget_former_names(self.database, context.current_actor(), user_id)

    @rpc
    def export_person(self, **payload: Any) -> dict[str, Any]:
        """A page of what is held about a person."""
        arguments = load(ExportArguments, payload)
        return exporting.export_person(self.database, context.current_actor(), **arguments)

    @on_event("identity", "user_erased", seconds=ERASING_SECONDS)
    def on_identity_user_erased(self, event: Event) -> None:
        """Forgets what is known of erased people outside of their rows."""
        erasing.forget_erased(self.database, event)

    @rpc
    def search_users(self, **payload: Any) -> dict[str, Any]:
        """A page of people, best match first."""
        arguments = load(schemas.SearchUsersSchema, payload)
        return search.search_users(self.database, context.current_actor(), arguments)

    @rpc
    def upsert_users(self, **payload: Any) -> dict[str, Any]:
        """Adds or updates up to 500 people."""
        arguments = load(schemas.UpsertUsersSchema, payload)
        result = upsert.upsert_users(
            self.database,
            self.links,
            context.current_actor(),
            **arguments,
            operation=context.current_operation(),
        )
        self.mail.wake()
        return result

    @rpc
    def resolve_people(self, **payload: Any) -> dict[str, Any]:
        """Whom logins name."""
        logins = load(schemas.ResolvePeopleSchema, payload)["logins"]
        items = upsert.resolve_people(self.database, context.current_actor(), logins)
        return {"items": items}
