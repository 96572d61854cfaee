"""The real booking process, with identity and assignment played by fakes that know what each test tells them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.context import Actor, CallContext
from chassis.events import Event
from chassis.testing import FakeNeighbour, ServiceProcess, actor
from chassis.testing.zone_files import write_wrong_zone_files

# Slots far from each other and from now: each booking that isn't about clashes takes its own.
_hours = itertools.count(24)


def some_time() -> datetime:
    """A start in the future that no other test uses."""
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return today + timedelta(hours=next(_hours) * 13)


@dataclass
class School:
    """An organization with the people that a test needs, as identity and assignment know it."""

    service: ServiceProcess
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    settings: dict[str, Any] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.settings = {
            "id": str(self.id),
            "name": "A school",
            "slug": "a-school",
            "time_zone": "Europe/Berlin",
            "conflict_policy": "block",
            "students_may_book": "no",
            "version": 1,
        } | self.settings
        self.admin = actor("admin", organization_id=self.id)
        SCHOOLS[self.id] = self

    def person(self, *roles: str, status: str = "active") -> uuid.UUID:
        """Somebody whom identity knows."""
        person_id = uuid.uuid4()
        self.people[str(person_id)] = {
            "id": str(person_id),
            "roles": list(roles),
            "first_name": "Ada",
            "last_name": "Lovelace",
            "status": status,
            "time_zone": "Europe/Berlin",
            "version": 1,
        }
        return person_id

    def pair(self, *, assigned: bool = False) -> tuple[uuid.UUID, uuid.UUID]:
        """An instructor and a student."""
        found = (self.person("instructor"), self.person("student"))
        if assigned:
            self.pairs.add((str(found[0]), str(found[1])))
        return found

    def as_person(self, person_id: uuid.UUID) -> Actor:
        """The person, signed in."""
        roles = self.people[str(person_id)]["roles"]
        return actor(*roles, organization_id=self.id, user_id=person_id)

    def book(
        self, pair: tuple[uuid.UUID, uuid.UUID], *, by: Actor | None = None, **more: Any
    ) -> Any:
        """Books one hour for the pair and returns the session."""
        method = more.pop("method", "book_session")
        arguments: dict[str, Any] = {
            "instructor_id": pair[0],
            "student_id": pair[1],
            "starts_at": some_time(),
            "duration_minutes": 60,
        } | more
        starts_at = arguments["starts_at"]
        if isinstance(starts_at, datetime):
            arguments["starts_at"] = starts_at.isoformat()
        answer = self.service.call(method, actor=by or self.admin, **arguments)
        return answer.get("session", answer)

    def call(self, method: str, *, by: Actor | None = None, **arguments: Any) -> Any:
        """Calls booking as the administrator or another."""
        return self.service.call(method, actor=by or self.admin, **arguments)

    def event(self, source: str, name: str, data: dict[str, Any], **more: Any) -> Event:
        """An event of a neighbour, sent."""
        event = Event(
            id=more.get("id", uuid.uuid4()),
            source=source,
            name=name,
            time=more.get("time", datetime.now(UTC)),
            subject=str(self.id),
            organization_id=self.id,
            data=data,
        )
        self.service.publish_to_it(event)
        return event

    def events_of(self, session: dict[str, Any]) -> list[str]:
        """The names of the session's events, in order."""
        return [e.name for e in self.service.events() if e.subject == session["id"]]


SCHOOLS: dict[uuid.UUID, School] = {}


def school_of(call: CallContext) -> School:
    assert call.actor is not None
    return SCHOOLS[call.actor.organization_id]


def get_users(kwargs: dict[str, Any], call: CallContext) -> dict[str, Any]:
    people = school_of(call).people
    return {"items": [people[i] for i in kwargs["user_ids"] if i in people]}


def get_organization(_kwargs: dict[str, Any], call: CallContext) -> dict[str, Any]:
    return school_of(call).settings


def authorize(kwargs: dict[str, Any], call: CallContext) -> dict[str, Any]:
    allowed = (kwargs["instructor_id"], kwargs["student_id"]) in school_of(call).pairs
    reason = "assigned" if allowed else "never_assigned"
    return {"allowed": allowed, "reason": reason, "assignment_id": None}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The process, on a machine whose zone files are wrong."""
    settings = write_wrong_zone_files(tmp_path_factory.mktemp("zoneinfo"))
    with ServiceProcess("booking_service", settings=settings) as process:
        yield process


@pytest.fixture(scope="session", autouse=True)
def identity() -> Iterator[FakeNeighbour]:
    handlers = {"get_users": get_users, "get_organization": get_organization}
    with FakeNeighbour("identity", handlers) as fake:
        yield fake


@pytest.fixture(scope="session", autouse=True)
def assignment() -> Iterator[FakeNeighbour]:
    with FakeNeighbour("assignment", {"authorize": authorize}) as fake:
        yield fake


@pytest.fixture
def school(service: ServiceProcess) -> School:
    return School(service)
