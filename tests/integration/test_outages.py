"""A part of the system is away: what rests on it says 503 in time, the rest goes on, nothing is lost or half-stored."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from chassis.testing import wait_until

from .client import Answer, Api, Organization, Person, expect, session, sign_up
from .system import RunningSystem

LIMIT_SECONDS = 5.0


def assert_unavailable_in_time(answer: Answer) -> None:
    """503 before the client gives up."""
    assert answer.status == 503, f"{answer.status} {answer.body}"
    assert answer.seconds < LIMIT_SECONDS


def needs_the_decision(instructor: Person, student: Person) -> list[Callable[[], Answer]]:
    """Calls that only an assigned pair may make."""
    message = {"participant_id": student.id}
    return [
        lambda: instructor.api.post("/sessions", session(instructor, student, 50)),
        lambda: instructor.api.post("/conversations", message),
        lambda: student.organization.admin.put(
            f"/students/{student.id}/instructors/{instructor.id}"
        ),
    ]


def is_authorized(organization: Organization, instructor: Person, student: Person) -> bool:
    """As `is_allowed`, while the answer may still be a 503."""
    pair = {"instructor_id": instructor.id, "student_id": student.id}
    answer = organization.admin.get("/assignments/explain", params=pair)
    return bool(answer.status == 200 and answer.body["allowed"])


def assert_assigned_once(organization: Organization, pairs: list[tuple[Person, Person]]) -> None:
    """Every pair becomes authorized without anybody doing anything, and has one assignment."""
    for instructor, student in pairs:
        wait_until(lambda i=instructor, s=student: is_authorized(organization, i, s), 20)  # type: ignore[misc]
    entries = organization.admin.items("/assignments", limit=200)
    found = sorted((entry["instructor_id"], entry["student_id"]) for entry in entries)
    assert found == sorted((instructor.id, student.id) for instructor, student in pairs)


def test_bookings_made_while_the_assignment_service_hangs_assign_when_it_goes_on(
    mistreated_system: RunningSystem,
) -> None:
    mistreated_system.run_with()
    organization = sign_up(mistreated_system.url)
    pairs = [organization.pair(can_sign_in=number == 0) for number in range(3)]
    with mistreated_system.frozen("assignment.1"):
        for number, (instructor, student) in enumerate(pairs):
            answer = organization.admin.post("/sessions", session(instructor, student, number))
            assert expect(201, answer)["assignment"]["status"] == "pending"
        with ThreadPoolExecutor(3) as pool:
            calls = [pool.submit(call) for call in needs_the_decision(*pairs[0])[:2]]
            for call in calls:
                assert_unavailable_in_time(call.result())
    assert_assigned_once(organization, pairs)
    sessions = organization.admin.items("/sessions")
    assert len(sessions) == len(pairs), "a call that was answered 503 was carried out"


@pytest.fixture
def settled_organization(mistreated_system: RunningSystem) -> Organization:
    """On a system where everything runs."""
    mistreated_system.run_with()
    return sign_up(mistreated_system.url)


def all_kinds_of_requests(
    organization: Organization, instructor: Person, student: Person
) -> Iterator[tuple[str, str, object]]:
    """Well-formed requests to every part of the system."""
    names = {"first_name": "Half", "last_name": "Stored"}
    owner = names | {"email": f"half.{uuid.uuid4().hex}@example.org", "password": "x" * 12}
    login = {"login": organization.owner.email, "password": "wrong password"}  # nosec B105 # made up for a test
    pair = f"instructor_id={instructor.id}&student_id={student.id}"
    page = f"/students/{student.id}/instructors"
    yield "POST", "/organizations", {"name": "Half", "time_zone": "UTC", "owner": owner}
    yield "POST", "/auth/login", login
    yield "POST", "/auth/refresh", {"refresh_token": organization.refresh_token + "x"}
    yield "GET", "/me", None
    yield "GET", "/organization", None
    yield "GET", "/users", None
    student_email = {"email": f"half.{uuid.uuid4().hex}@example.org"}
    yield "POST", "/users", {"roles": ["student"], **names, **student_email}
    yield "GET", f"/users/{student.id}", None
    yield "PATCH", f"/users/{student.id}", {"first_name": "Half"}
    yield "POST", f"/users/{student.id}/archive", None
    yield "GET", page, None
    yield "PUT", f"{page}/{instructor.id}", None
    yield "DELETE", f"{page}/{instructor.id}", None
    yield "GET", f"/instructors/{instructor.id}/students", None
    yield "GET", "/assignments", None
    yield "GET", f"/assignments/explain?{pair}", None
    yield "POST", "/sessions", session(instructor, student, 90)
    yield "GET", "/sessions", None
    yield "POST", "/conversations", {"participant_id": student.id}
    yield "GET", "/conversations", None
    yield "GET", f"/imports/{uuid.uuid4()}", None


def ask_everything(
    organization: Organization, instructor: Person, student: Person
) -> list[tuple[str, Answer]]:
    """All requests at once, each with what was answered."""

    def ask(call: tuple[str, str, object]) -> tuple[str, Answer]:
        method, path, body = call
        return f"{method} {path}", organization.admin.request(method, path, body)

    calls = list(all_kinds_of_requests(organization, instructor, student))
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(ask, calls))


def what_is_stored(organization: Organization) -> list[object]:
    """Everything that `all_kinds_of_requests` could have changed."""
    admin = organization.admin
    lists = ("/users", "/sessions", "/assignments", "/conversations")
    return [*(admin.items(path) for path in lists), admin.get("/organization").body]


@pytest.mark.parametrize("assigned", [True, False], ids=["assigned", "unassigned"])
def test_with_a_broker_that_hangs_every_request_is_answered_503_and_stores_nothing(
    mistreated_system: RunningSystem, settled_organization: Organization, assigned: bool
) -> None:
    organization = settled_organization
    instructor, student = organization.pair()
    if assigned:
        organization.assign(instructor, student)
    before = what_is_stored(organization)
    with mistreated_system.frozen("rabbitmq"):
        for name, answer in ask_everything(organization, instructor, student):
            assert answer.status == 503, f"{name}: {answer.status} {answer.body}"
            assert answer.seconds < LIMIT_SECONDS, f"{name} took {answer.seconds:.1f} s"
        assert Api(organization.url).get("/healthz").status == 200
        assert Api(organization.url).get("/readyz").status == 503
    wait_until(lambda: Api(organization.url).get("/readyz").status == 200, 30, every=0.1)
    wait_until(lambda: organization.admin.get("/users").status == 200, 10, every=0.1)
    assert what_is_stored(organization) == before


def test_with_a_broker_that_dies_every_request_is_answered_in_time_and_all_recover_alone(
    mistreated_system: RunningSystem, settled_organization: Organization
) -> None:
    organization = settled_organization
    instructor, student = organization.assigned_pair(can_sign_in=True)
    expect(201, instructor.api.post("/sessions", session(instructor, student, 0)))
    pids = {name: mistreated_system.pid(name) for name in mistreated_system.processes()}
    mistreated_system.kill("rabbitmq")
    for name, answer in ask_everything(organization, instructor, student):
        assert answer.status == 503, f"{name}: {answer.status} {answer.body}"
        assert answer.seconds < LIMIT_SECONDS, f"{name} took {answer.seconds:.1f} s"
    wait_until(lambda: Api(organization.url).get("/readyz").status == 200, 60, every=0.1)
    body = session(instructor, student, 1)
    wait_until(lambda: is_booked(instructor, body), 20, every=0.1)
    assert pids == {name: mistreated_system.pid(name) for name in mistreated_system.processes()}


def is_booked(instructor: Person, body: dict[str, Any]) -> bool:
    """Whether the booking went through; a 503 may still be the answer."""
    answer = instructor.api.post("/sessions", body)
    expect((201, 503), answer)
    return answer.status == 201


@pytest.mark.parametrize("way", ["hangs", "dies"])
def test_what_was_committed_just_before_the_broker_went_assigns_when_it_is_back(
    mistreated_system: RunningSystem, settled_organization: Organization, way: str
) -> None:
    """An administrator books on and on while the broker goes away: each 201 must lead to its assignment."""
    organization = settled_organization
    pairs = [organization.pair() for _ in range(40)]
    booked: list[tuple[Person, Person]] = []
    half_way = Event()

    def book_all() -> None:
        for number, (instructor, student) in enumerate(pairs):
            body = session(instructor, student, number)
            if number == len(pairs) // 4:
                half_way.set()
            answer = organization.admin.post("/sessions", body, headers={"Prefer": "wait=0"})
            if answer.status == 201:
                booked.append((instructor, student))
            else:
                assert answer.status == 503
                return

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(book_all)
        assert half_way.wait(30)
        if way == "dies":
            mistreated_system.kill("rabbitmq")
            done.result()
        else:
            with mistreated_system.frozen("rabbitmq"):
                done.result()
                store_event_behind_the_brokers_back(mistreated_system, organization, pairs[-1])
            booked.append(pairs[-1])
    assert booked
    wait_until(lambda: Api(organization.url).get("/readyz").status == 200, 60, every=0.1)
    stored = {item["student_id"] for item in organization.admin.items("/sessions", limit=200)}
    known = [pair for pair in pairs if pair[1].id in stored or pair in booked]
    assert {student.id for _, student in booked} - {pairs[-1][1].id} <= stored
    assert_assigned_once(organization, known)


def store_event_behind_the_brokers_back(
    system: RunningSystem, organization: Organization, pair: tuple[Person, Person]
) -> None:
    """Commits a booking's event while the broker is away, as a transaction does that was just ahead of it."""
    ((body,),) = system.sql(
        "booking",
        "SELECT body FROM outbox WHERE name = 'session_booked' AND organization_id = %s LIMIT 1",
        (organization.id,),
    )
    system.sql(
        "booking",
        """
        WITH template AS (SELECT %s::jsonb AS body)
        INSERT INTO outbox (event_id, organization_id, name, subject, body)
        SELECT fresh.id, %s, 'session_booked', fresh.id::text,
               jsonb_set(jsonb_set(jsonb_set(jsonb_set(body,
                   '{id}', to_jsonb(fresh.id::text)),
                   '{data,session,id}', to_jsonb(fresh.id::text)),
                   '{data,session,instructor_id}', to_jsonb(%s::text)),
                   '{data,session,student_id}', to_jsonb(%s::text))::text
          FROM template, (SELECT gen_random_uuid() AS id) AS fresh
        """,
        (body, organization.id, pair[0].id, pair[1].id),
    )


def test_a_service_without_its_database_answers_503_and_recovers(
    mistreated_system: RunningSystem, settled_organization: Organization
) -> None:
    organization = settled_organization
    instructor, student = organization.assigned_pair()
    with mistreated_system.frozen("postgres"):
        answers = [organization.admin.get("/sessions") for _ in range(2)]
    for answer in answers:
        assert_unavailable_in_time(answer)
    wait_until(lambda: organization.admin.get("/sessions").status == 200, 20, every=0.1)
    assert organization.is_allowed(instructor, student)


def test_the_gateway_answers_while_others_wait(
    mistreated_system: RunningSystem, settled_organization: Organization
) -> None:
    """A part that hangs must not take the threads that others need."""
    organization = settled_organization
    instructor, student = organization.assigned_pair(can_sign_in=True)
    expect(201, instructor.api.post("/sessions", session(instructor, student, 0)))
    with mistreated_system.frozen("messaging.1"), ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(organization.admin.get, "/conversations") for _ in range(4)]
        answer = organization.admin.get("/sessions")
        assert answer.status == 200
        assert answer.seconds < 3  # the hanging ones take their whole deadline
        for call in hanging:
            assert_unavailable_in_time(call.result())
