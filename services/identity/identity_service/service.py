"""Identity's entrypoints: load, one call, dump."""

from __future__ import annotations

import contextlib
import ctypes
from dataclasses import replace
from typing import Any

from environs import Env
from eventlet import tpool
from nameko.extensions import DependencyProvider

from chassis import context
from chassis.consumer import on_event
from chassis.context import Operation
from chassis.erasing import ERASING_SECONDS, erasure
from chassis.events import Event
from chassis.exporting import ExportArguments, PersonArguments
from chassis.fields import StrictSchema, load
from chassis.rpc.server import rpc
from identity_service import schemas, settings
from identity_service.audit_service import AuditService
from identity_service.domain.passwords import Passwords
from identity_service.domain.tokens import Tokens
from identity_service.use_cases import (
    erasing,
    exporting,
    lifecycle,
    organizations,
    people,
    search,
    sign_in,
    upsert,
)

M_MMAP_THRESHOLD = -3  # malloc.h


class TokenMaker(DependencyProvider):
    """The process's `Tokens`."""

    def setup(self) -> None:
        self._tokens = settings.load_tokens(Env())

    def get_dependency(self, worker_ctx: Any) -> Tokens:
        return self._tokens


class PasswordHasher(DependencyProvider):
    """The process's `Passwords`, hashing in real threads, away from the event loop."""

    def setup(self) -> None:
        give_back_large_blocks()
        passwords = settings.load_passwords(Env())
        tpool.set_num_threads(passwords.at_once)
        self._passwords = replace(passwords, offload=tpool.execute)

    def get_dependency(self, worker_ctx: Any) -> Passwords:
        return self._passwords


def give_back_large_blocks() -> None:
    """Makes glibc return each hash's 19 MB to the system instead of keeping it, once per thread, for the next."""
    with contextlib.suppress(AttributeError, OSError):  # another C library has no such habit
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 20)


class Service(AuditService):
    """Organizations, people, credentials and tokens."""

    name = "identity"
    tokens: Tokens = TokenMaker()
    passwords: Passwords = PasswordHasher()

    def sealed_operation(self) -> Operation:
        """The call's operation when its arguments hold a secret: its stored fingerprint must not help to guess it."""
        operation = context.current_operation()
        return replace(operation, fingerprint=self.tokens.seal(operation.fingerprint))

    @rpc
    def create_organization(self, **payload: Any) -> dict[str, Any]:
        """Signs an organization up and its owner in."""
        arguments = load(schemas.CreateOrganizationSchema, payload)
        return organizations.create_organization(
            self.database, self.tokens, self.passwords, arguments, self.sealed_operation()
        )

    @rpc
    def authenticate(self, **payload: Any) -> dict[str, Any]:
        """Signs a person in."""
        arguments = load(schemas.AuthenticateSchema, payload)
        return sign_in.authenticate(
            self.database, self.tokens, self.passwords, arguments, self.sealed_operation()
        )

    @rpc
    def refresh(self, **payload: Any) -> dict[str, Any]:
        """New tokens for a refresh token."""
        token = load(schemas.RefreshSchema, payload)["refresh_token"]
        return sign_in.refresh(self.database, self.tokens, token, self.sealed_operation())

    @rpc
    def revoke(self, **payload: Any) -> None:
        """Signs out."""
        token = load(schemas.AccessTokenSchema, payload)["access_token"]
        sign_in.revoke(self.database, token)

    @rpc
    def verify_token(self, **payload: Any) -> dict[str, Any]:
        """Who an access token belongs to."""
        token = load(schemas.AccessTokenSchema, payload)["access_token"]
        return sign_in.verify_token(self.database, token)

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
        return people.create_user(
            self.database,
            self.passwords,
            context.current_actor(),
            arguments,
            self.sealed_operation(),
        )

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
    def change_password(self, **payload: Any) -> None:
        """Sets the actor's own password."""
        arguments = load(schemas.ChangePasswordSchema, payload)
        lifecycle.change_password(
            self.database,
            self.passwords,
            context.current_actor(),
            arguments,
            self.sealed_operation(),
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
        return upsert.upsert_users(
            self.database,
            context.current_actor(),
            **arguments,
            operation=context.current_operation(),
        )

    @rpc
    def resolve_people(self, **payload: Any) -> dict[str, Any]:
        """Whom logins name."""
        logins = load(schemas.ResolvePeopleSchema, payload)["logins"]
        items = upsert.resolve_people(self.database, context.current_actor(), logins)
        return {"items": items}
