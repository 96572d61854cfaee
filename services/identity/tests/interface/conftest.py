"""One identity process for all tests of this folder; organizations of their own instead of clean-up."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chassis.context import Actor
from chassis.errors import ServiceError
from chassis.testing import ServiceProcess, listener

from .mailbox import Mailbox

PASSWORD = "correct horse battery"  # nosec B105 # made up for a test
# Cheap hashes: what is tested is who may sign in, not how long guessing takes.
SETTINGS = {
    "TOKEN_SECRET": "s" * 40,
    "ARGON2_MEMORY_KIB": "64",
    "ARGON2_PASSES": "1",
    # All tests are one client.
    "HASHES_PER_MINUTE": "1000000",
}


# Clients that no other test is.
ADDRESSES = (f"10.{n // 256}.{n % 256}.1" for n in itertools.count())


@pytest.fixture(scope="session")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Mailbox:
    return Mailbox(tmp_path_factory.mktemp("mail"))


@pytest.fixture(scope="session")
def service(mailbox: Mailbox) -> Iterator[ServiceProcess]:
    settings = {**SETTINGS, "MAIL_FOLDER": str(mailbox.folder)}
    with (
        ServiceProcess("identity_service", settings=settings) as process,
        listener(process.contract),
    ):
        yield process


@pytest.fixture(scope="module")
def alone(service: ServiceProcess) -> Iterator[None]:
    """Stops the shared service for a module that runs others in its place: they would answer each other's callers."""
    service.stop()
    yield
    service.start()


@dataclass
class Organization:
    """A new organization, its owner and ways to act in it."""

    service: ServiceProcess
    signed_up: dict[str, Any]

    @property
    def id(self) -> uuid.UUID:
        return uuid.UUID(self.signed_up["organization"]["id"])

    @property
    def slug(self) -> str:
        return str(self.signed_up["organization"]["slug"])

    @property
    def owner(self) -> dict[str, Any]:
        return dict(self.signed_up["user"])

    def actor(self, user: dict[str, Any] | None = None) -> Actor:
        """Somebody of the organization as an actor: the owner unless `user` is given."""
        user = user or self.owner
        return Actor(uuid.UUID(user["id"]), self.id, frozenset(user["roles"]))

    def add(self, *roles: str, by: Actor | None = None, **fields: Any) -> dict[str, Any]:
        """A new person."""
        return dict(self.create(*roles, by=by, **fields)["user"])

    def create(self, *roles: str, by: Actor | None = None, **fields: Any) -> dict[str, Any]:
        """What create_user answers."""
        person = {"first_name": "Ada", "last_name": "Byron", "email": email(), **fields}
        result = self.service.call(
            "create_user", actor=by or self.actor(), roles=list(roles), **person
        )
        return dict(result)


@pytest.fixture
def organization(service: ServiceProcess) -> Organization:
    return sign_up(service)


@pytest.fixture
def other_organization(service: ServiceProcess) -> Organization:
    return sign_up(service)


def sign_up(service: ServiceProcess, **owner: str) -> Organization:
    person = {
        "first_name": "Olga",
        "last_name": "Owner",
        "email": email(),
        "password": PASSWORD,
        **owner,
    }
    name = f"School {uuid.uuid4().hex[:8]}"
    signed_up = service.call(
        "create_organization", name=name, time_zone="Europe/Berlin", owner=person
    )
    return Organization(service, signed_up)


def email() -> str:
    return f"{uuid.uuid4().hex[:12]}@example.org"


def outcome(ask: Callable[[], Any]) -> str:
    """`in`, or the code of the refusal."""
    try:
        ask()
    except ServiceError as error:
        return error.code
    return "in"
