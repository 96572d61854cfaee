"""The import service as a real process, with identity and assignment as small faithful fakes in memory."""

from __future__ import annotations

import base64
import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chassis.context import Actor, CallContext
from chassis.errors import Invalid
from chassis.testing import FakeNeighbour, ServiceProcess, actor, wait_until

Person = dict[str, Any]


class Operations:
    """Answers a repeated operation with its first result, and refuses other arguments, as every service does."""

    def __init__(self) -> None:
        self._done: dict[uuid.UUID, tuple[str, Any]] = {}
        self.lock = threading.RLock()

    def once(self, call: CallContext, work: Callable[[], Any]) -> Any:
        with self.lock:
            operation = call.operation
            if operation is None:
                return work()
            if operation.id in self._done:
                fingerprint, result = self._done[operation.id]
                if fingerprint != operation.fingerprint:
                    raise Invalid("idempotency.key_reused", "used with another request")
                return result
            result = work()
            self._done[operation.id] = (operation.fingerprint, result)
            return result


class People:
    """identity's upsert_users and resolve_people over a dictionary per organization."""

    def __init__(self) -> None:
        self.operations = Operations()
        self.by_organization: dict[uuid.UUID, dict[str, Person]] = {}
        self.index: dict[tuple[uuid.UUID, str, str], str] = {}
        self.applied_upserts = 0
        self.invited_to: list[uuid.UUID] = []

    def handlers(self) -> dict[str, Any]:
        return {"upsert_users": self.upsert_users, "resolve_people": self.resolve_people}

    def of(self, organization_id: uuid.UUID) -> dict[str, Person]:
        return self.by_organization.setdefault(organization_id, {})

    def add(self, organization_id: uuid.UUID, *roles: str, **fields: Any) -> Person:
        blank = dict.fromkeys(
            ("first_name", "last_name", "email", "username", "external_id", "time_zone", "phone")
        )
        user = {
            **blank,
            "id": str(uuid.uuid4()),
            "roles": list(roles),
            "status": "invited",
            **fields,
        }
        self.of(organization_id)[user["id"]] = user
        self.reindex(organization_id, user)
        return user

    def reindex(self, organization_id: uuid.UUID, user: Person) -> None:
        for field in ("email", "username", "external_id"):
            if user[field]:
                self.index[organization_id, field, user[field].casefold()] = user["id"]

    def find(self, organization_id: uuid.UUID, field: str, value: str | None) -> Person | None:
        found = self.index.get((organization_id, field, (value or "").casefold()))
        return self.of(organization_id)[found] if found else None

    def upsert_users(self, kwargs: dict[str, Any], call: CallContext) -> Any:
        assert call.actor is not None
        organization_id = call.actor.organization_id
        assert set(kwargs) - {"send_invitations"} == {"people", "dry_run"}
        assert len(kwargs["people"]) <= 500
        if kwargs["dry_run"]:
            assert "send_invitations" not in kwargs
            with self.operations.lock:
                return {"results": [self.outcome(organization_id, p) for p in kwargs["people"]]}
        assert call.operation is not None, "a change needs an operation id"
        if kwargs.get("send_invitations"):
            self.invited_to.append(organization_id)
        return self.operations.once(call, lambda: self.apply(organization_id, kwargs["people"]))

    def apply(self, organization_id: uuid.UUID, people: list[Person]) -> Any:
        self.applied_upserts += 1
        results = []
        for person in people:
            result = self.outcome(organization_id, person)
            fields = {key: value for key, value in person.items() if key != "roles"}
            if result["outcome"] == "create":
                user = self.add(organization_id, *person["roles"], **fields)
                result["user_id"] = user["id"]
            elif result["outcome"] == "update":
                user = self.of(organization_id)[result["user_id"]]
                user.update(fields, roles=sorted({*user["roles"], *person.get("roles", [])}))
                self.reindex(organization_id, user)
            results.append(result)
        return {"results": results}

    def outcome(self, organization_id: uuid.UUID, person: Person) -> Person:
        if (zone := person.get("time_zone")) and "/" not in zone:
            error = {"pointer": "/time_zone", "code": "request.invalid", "detail": "Not a zone."}
            return {"outcome": "invalid", "user_id": None, "changes": [], "errors": [error]}
        user = next(
            (
                found
                for field in ("email", "username", "external_id")
                if person.get(field) and (found := self.find(organization_id, field, person[field]))
            ),
            None,
        )
        if user is None:
            missing = [f for f in ("roles", "first_name", "last_name") if not person.get(f)]
            errors = [
                {"pointer": f"/{f}", "code": "request.invalid", "detail": "Missing."}
                for f in missing
            ]
            outcome = "invalid" if errors else "create"
            return {"outcome": outcome, "user_id": None, "changes": [], "errors": errors}
        changes = {
            key: value for key, value in person.items() if key != "roles" and user[key] != value
        }
        if not set(person.get("roles", [])) <= set(user["roles"]):
            changes["roles"] = person["roles"]
        outcome = "update" if changes else "unchanged"
        return {"outcome": outcome, "user_id": user["id"], "changes": [*changes], "errors": []}

    def resolve_people(self, kwargs: dict[str, Any], call: CallContext) -> Any:
        assert call.actor is not None
        assert 1 <= len(kwargs["logins"]) <= 1000
        organization_id = call.actor.organization_id
        return {
            "items": [
                {
                    "login": login,
                    "user": self.find(organization_id, "email", login)
                    or self.find(organization_id, "username", login)
                    or self.find(organization_id, "external_id", login),
                }
                for login in kwargs["logins"]
            ]
        }


class Pairs:
    """assignment's bulk calls over a set per organization, with small pages."""

    page = 100

    def __init__(self, people: People) -> None:
        self.people = people
        self.operations = Operations()
        self.active: dict[uuid.UUID, set[tuple[str, str]]] = {}

    def handlers(self) -> dict[str, Any]:
        return {
            "assign_many": self.assign_many,
            "end_many": self.end_many,
            "authorize_many": self.authorize_many,
            "list_partners": self.list_partners,
        }

    def of(self, organization_id: uuid.UUID) -> set[tuple[str, str]]:
        return self.active.setdefault(organization_id, set())

    def assign_many(self, kwargs: dict[str, Any], call: CallContext) -> Any:
        return self.change(kwargs, call, self.assign)

    def end_many(self, kwargs: dict[str, Any], call: CallContext) -> Any:
        return self.change(kwargs, call, self.end)

    def change(self, kwargs: dict[str, Any], call: CallContext, one: Any) -> Any:
        assert call.actor is not None
        assert call.operation is not None
        assert kwargs["source"] == "import"
        assert 1 <= len(kwargs["pairs"]) <= 1000
        organization_id = call.actor.organization_id
        pairs = [(pair["instructor_id"], pair["student_id"]) for pair in kwargs["pairs"]]
        return self.operations.once(
            call,
            lambda: {"results": [self.result(pair, one(organization_id, pair)) for pair in pairs]},
        )

    def result(self, pair: tuple[str, str], outcome: str) -> Any:
        return {
            "instructor_id": pair[0],
            "student_id": pair[1],
            "outcome": outcome,
            "assignment": None,
        }

    def assign(self, organization_id: uuid.UUID, pair: tuple[str, str]) -> str:
        for user_id, role in zip(pair, ("instructor", "student"), strict=True):
            user = self.people.of(organization_id).get(user_id)
            if user is None or role not in user["roles"]:
                return f"unknown_{role}"
            if user["status"] == "archived":
                return "archived_person"
        if pair in self.of(organization_id):
            return "already_assigned"
        self.of(organization_id).add(pair)
        return "assigned"

    def end(self, organization_id: uuid.UUID, pair: tuple[str, str]) -> str:
        if pair not in self.of(organization_id):
            return "not_assigned"
        self.of(organization_id).discard(pair)
        return "ended"

    def authorize_many(self, kwargs: dict[str, Any], call: CallContext) -> Any:
        assert call.actor is not None
        assert 1 <= len(kwargs["pairs"]) <= 1000
        active = self.of(call.actor.organization_id)
        asked = [(pair["instructor_id"], pair["student_id"]) for pair in kwargs["pairs"]]
        return {"results": [{"allowed": pair in active, "assignment_id": None} for pair in asked]}

    def list_partners(self, kwargs: dict[str, Any], call: CallContext) -> Any:
        assert call.actor is not None
        [(which, user_ids)] = [(key, kwargs[key]) for key in kwargs if key != "cursor"]
        assert 1 <= len(user_ids) <= 500
        place = {"instructor_ids": 0, "student_ids": 1}[which]
        start, wanted = int(kwargs.get("cursor") or 0), set(user_ids)
        found = sorted(
            pair for pair in self.of(call.actor.organization_id) if pair[place] in wanted
        )
        more = len(found) > start + self.page
        return {
            "pairs": [
                {"instructor_id": i, "student_id": s} for i, s in found[start : start + self.page]
            ],
            "next_cursor": str(start + self.page) if more else None,
        }


class Organization:
    """One organization whose admin uploads files."""

    def __init__(self, service: ServiceProcess, people: People, pairs: Pairs) -> None:
        self.service = service
        self.admin: Actor = actor("admin")
        self.id = self.admin.organization_id
        self._people = people
        self._pairs = pairs

    @property
    def people(self) -> dict[str, Person]:
        return self._people.of(self.id)

    @property
    def pairs(self) -> set[tuple[str, str]]:
        return self._pairs.of(self.id)

    def pairs_by_email(self) -> set[tuple[str, str]]:
        return {
            (self.people[instructor]["email"], self.people[student]["email"])
            for instructor, student in self.pairs
        }

    def add(self, *roles: str, **fields: Any) -> Person:
        return self._people.add(self.id, *roles, **fields)

    def call(self, method: str, **arguments: Any) -> Any:
        arguments.setdefault("actor", self.admin)
        return self.service.call(method, **arguments)

    def upload(self, content: str | bytes, *, start: bool = True, **options: Any) -> str:
        """Uploads a file in two chunks and returns the import's id."""
        data = content.encode() if isinstance(content, str) else content
        made = self.call("create_import", filename="people.csv", size=len(data), **options)
        step = min(max(1, (len(data) + 1) // 2), 1 << 20)
        chunks = [data[at : at + step] for at in range(0, len(data), step)]
        for position, chunk in enumerate(chunks):
            self.call(
                "append_chunk",
                import_id=made["id"],
                position=position,
                content=base64.b64encode(chunk).decode(),
            )
        if start:
            self.start(made["id"], data, len(chunks))
        return made["id"]  # type: ignore[no-any-return]

    def start(self, import_id: str, data: bytes, chunks: int) -> Any:
        digest = hashlib.sha256(data).hexdigest()
        return self.call("start_import", import_id=import_id, chunks=chunks, sha256=digest)

    def wait(self, import_id: str, *statuses: str, seconds: float = 20) -> Any:
        """The import once it has one of these statuses; an error as soon as it ended otherwise."""
        over = {"finished", "failed", "cancelled", *statuses}

        def reached() -> Any:
            found = self.call("get_import", import_id=import_id)
            return found if found["status"] in over else None

        found = wait_until(reached, seconds, every=0.03)
        assert found["status"] in statuses, found
        return found

    def plan(self, content: str | bytes, **options: Any) -> Any:
        return self.wait(self.upload(content, **options), "planned")

    def finish(self, content: str | bytes, **options: Any) -> Any:
        return self.wait(self.upload(content, apply=True, **options), "finished")

    def failure(self, content: str | bytes) -> Any:
        (error,) = self.wait(self.upload(content), "failed")["errors"]
        return error

    def rows(self, import_id: str, **filters: Any) -> list[Any]:
        found, cursor = [], None
        while True:
            page = self.call("list_rows", import_id=import_id, limit=200, cursor=cursor, **filters)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def report(self, import_id: str) -> str:
        parts, cursor = [], None
        while True:
            page = self.call("report", import_id=import_id, cursor=cursor)
            parts.append(page["content"])
            cursor = page["next_cursor"]
            if cursor is None:
                return "".join(parts)


@pytest.fixture(scope="session")
def service() -> Iterator[ServiceProcess]:
    with ServiceProcess("import_service") as process:
        yield process


@pytest.fixture(scope="session")
def people() -> People:
    return People()


@pytest.fixture(scope="session")
def pairs(people: People) -> Pairs:
    return Pairs(people)


@pytest.fixture(scope="session")
def identity(people: People) -> Iterator[FakeNeighbour]:
    with FakeNeighbour("identity", people.handlers()) as fake:
        yield fake


@pytest.fixture(scope="session")
def assignment(pairs: Pairs) -> Iterator[FakeNeighbour]:
    with FakeNeighbour("assignment", pairs.handlers()) as fake:
        yield fake


@pytest.fixture
def organization(
    service: ServiceProcess,
    people: People,
    pairs: Pairs,
    identity: FakeNeighbour,
    assignment: FakeNeighbour,
) -> Organization:
    return Organization(service, people, pairs)


@pytest.fixture
def other_organization(organization: Organization, people: People, pairs: Pairs) -> Organization:
    return Organization(organization.service, people, pairs)
