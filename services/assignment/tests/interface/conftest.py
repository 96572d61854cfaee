from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.context import Actor, CallContext
from chassis.events import Event
from chassis.testing import FakeNeighbour, ServiceProcess, actor, listener, wait_until

Ids = dict[str, str]


@dataclass
class Organization:
    """An organization of a test's own: its people as identity knows them, and its ways to the service."""

    service: ServiceProcess
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.admin = actor("admin", organization_id=self.id)

    def actor(self, role: str, user_id: str | None = None) -> Actor:
        return actor(role, organization_id=self.id, user_id=uuid.UUID(user_id) if user_id else None)

    def person(self, *roles: str, **changes: Any) -> str:
        """Somebody whom identity knows and this service has not heard of."""
        user = {"id": str(uuid.uuid4()), "roles": list(roles), "status": "active", "version": 1}
        self.people[user["id"]] = {**user, **changes}
        return user["id"]

    def pair(self) -> Ids:
        """An instructor and a student whom only identity knows."""
        return {
            "instructor_id": self.person("instructor"),
            "student_id": self.person("student"),
        }

    def known_pair(self) -> Ids:
        """An instructor and a student whom the service has heard of."""
        pair = self.pair()
        self.tell("user_created", *pair.values())
        return pair

    def event(
        self, name: str, data: dict[str, Any], source: str = "identity", **changes: Any
    ) -> Event:
        values: dict[str, Any] = {
            "id": uuid.uuid4(),
            "source": source,
            "name": name,
            "time": datetime.now(UTC),
            "subject": str(uuid.uuid4()),
            "organization_id": self.id,
            "data": data,
        }
        return Event(**{**values, **changes})

    def users_event(self, name: str, *user_ids: str, **data: Any) -> Event:
        users = [{**self.people[u], "time_zone": "UTC"} for u in user_ids]
        if name == "user_created":
            data = {"assignments": [], "assigned_by": None, **data}
        return self.event(name, {"users": users, **data})

    def tell(self, name: str, *user_ids: str, **data: Any) -> Event:
        """Publishes identity's event about people and waits until it is handled."""
        event = self.users_event(name, *user_ids, **data)
        self.service.publish_to_it(event)
        self.wait_for(event)
        return event

    def change(self, name: str, user_id: str, **changes: Any) -> Event:
        """Changes a person in identity and tells of it."""
        person = self.people[user_id]
        person.update(changes, version=person["version"] + 1)
        return self.tell(name, user_id)

    def booked(self, pair: Ids, *, assigns_pair: bool = True, **changes: Any) -> Event:
        """Booking's event for a pair."""
        session = {"id": str(uuid.uuid4()), **pair, "booked_by": str(self.admin.user_id)}
        data = {"session": session, "assigns_pair": assigns_pair}
        return self.event("session_booked", data, "booking", **changes)

    def handled(self, event: Event) -> bool:
        found = "SELECT count(*) FROM inbox WHERE event_id = %s"
        return bool(self.service.sql(found, (str(event.id),))[0][0])

    def wait_for(self, *events: Event) -> None:
        for event in events:
            wait_until(lambda event=event: self.handled(event), 15)  # type: ignore[misc]

    def call(self, method: str, by: Actor | None = None, **kwargs: Any) -> Any:
        """Calls the service, as an admin unless said otherwise, each time as an operation of its own."""
        kwargs.setdefault("operation_id", uuid.uuid4())
        return self.service.call(method, actor=by or self.admin, **kwargs)

    def reason(self, pair: Ids, by: Actor | None = None) -> str:
        answer = self.call("authorize", by, **pair)
        assert answer["allowed"] is (answer["reason"] == "assigned")
        return str(answer["reason"])

    def rows(self, pair: Ids) -> list[Any]:
        """The pair's assignments as stored: (id, source, active)."""
        return self.service.sql(
            "SELECT id::text, source, ended_at IS NULL FROM assignments"
            " WHERE organization_id = %s AND instructor_id = %s AND student_id = %s"
            " ORDER BY assigned_at",
            (str(self.id), pair["instructor_id"], pair["student_id"]),
        )

    def events(self, name: str) -> list[Event]:
        """This organization's events of that name, as published."""
        return [e for e in self.service.events(name) if e.organization_id == self.id]


class Identities:
    """What the fake identity answers from."""

    def __init__(self) -> None:
        self.organizations: dict[uuid.UUID, Organization] = {}
        self.fake = FakeNeighbour("identity", {"get_users": self.get_users})

    def get_users(self, kwargs: dict[str, Any], context: CallContext) -> dict[str, Any]:
        assert context.actor is not None
        organization = self.organizations[context.actor.organization_id]
        known = organization.people
        more = {"first_name": "A", "last_name": "B"}
        return {"items": [{**known[u], **more} for u in kwargs["user_ids"] if u in known]}


@pytest.fixture(scope="session")
def service() -> Iterator[ServiceProcess]:
    with ServiceProcess("assignment_service") as process, listener(process.contract):
        yield process


@pytest.fixture(scope="session")
def identities() -> Iterator[Identities]:
    identities = Identities()
    with identities.fake:
        yield identities


@pytest.fixture
def new_organization(identities: Identities) -> Callable[[ServiceProcess], Organization]:
    def make(service: ServiceProcess) -> Organization:
        organization = Organization(service)
        identities.organizations[organization.id] = organization
        return organization

    return make


@pytest.fixture
def organization(
    service: ServiceProcess, new_organization: Callable[[ServiceProcess], Organization]
) -> Organization:
    return new_organization(service)
