"""Way 2 under stress: an administrator's booking assigns the pair, exactly once, whatever the bus does meanwhile."""

from __future__ import annotations

import time

from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.events import CONTENT_TYPE, decode
from chassis.testing import wait_until

from .client import Api, Organization, Person, expect, session, sign_up
from .system import RunningSystem

BOOKINGS = 200


def test_each_of_200_unassigned_pairs_is_authorized_within_two_seconds_of_its_booking(
    organization: Organization,
) -> None:
    instructors = [organization.add_instructor() for _ in range(10)]
    students = [organization.add_student() for _ in range(BOOKINGS // 10)]
    admin, watcher = organization.admin, organization.admin
    delays = []
    for number, (instructor, student) in enumerate((i, s) for i in instructors for s in students):
        body = session(instructor, student, number)
        expect(201, admin.post("/sessions", body, headers={"Prefer": "wait=0"}))
        delays.append(seconds_until_authorized(watcher, instructor, student))
    active = organization.admin.items("/assignments", limit=200)
    pairs = {(entry["instructor_id"], entry["student_id"]) for entry in active}
    assert len(active) == len(pairs) == BOOKINGS
    assert max(delays) < 2


def seconds_until_authorized(api: Api, instructor: Person, student: Person) -> float:
    """How long it takes from now; fails after two seconds."""
    began = time.monotonic()
    pair = {"instructor_id": instructor.id, "student_id": student.id}
    wait_until(lambda: api.get("/assignments/explain", params=pair).body["allowed"], 2)
    return time.monotonic() - began


def booked_event(system: RunningSystem, session_id: str) -> str:
    """The event of a booking, as it went over the bus."""
    rows = system.sql(
        "booking",
        "SELECT body FROM outbox WHERE name = 'session_booked' AND body LIKE %s",
        (f"%{session_id}%",),
    )
    assert len(rows) == 1
    return str(rows[0][0])


def deliver(system: RunningSystem, event: str, times: int = 1) -> None:
    """Publishes a session_booked event again, as a relay does that was killed before it could take note."""
    event_id = str(decode(event).id)
    batch = [
        Outgoing("booking.events", "session_booked", event, event_id, CONTENT_TYPE)
        for _ in range(times)
    ]
    publisher = ConfirmedPublisher(system.amqp_url)
    publisher.publish_all(batch)
    publisher.close()
    assert {outgoing.outcome for outgoing in batch} == {Outcome.CONFIRMED}


def wait_for_marker(organization: Organization) -> None:
    """Returns when a booking made now has been worked on, and so what was published before it."""
    instructor, student = organization.pair()
    expect(201, organization.admin.post("/sessions", session(instructor, student)))
    wait_until(lambda: organization.is_allowed(instructor, student), 5)


def history(organization: Organization, instructor: Person, student: Person) -> list[str]:
    """Every assignment the pair ever had, by status."""
    pair = {"instructor_id": instructor.id, "student_id": student.id}
    return sorted(entry["status"] for entry in organization.admin.items("/assignments", **pair))


def test_a_booking_event_delivered_again_assigns_nothing_more(
    shared_system: RunningSystem, organization: Organization
) -> None:
    instructor, student = organization.pair()
    booked = expect(201, organization.admin.post("/sessions", session(instructor, student)))
    wait_until(lambda: organization.is_allowed(instructor, student), 2)
    deliver(shared_system, booked_event(shared_system, booked["id"]), times=5)
    wait_for_marker(organization)
    assert history(organization, instructor, student) == ["active"]


def test_what_was_ended_after_a_booking_stays_ended_when_its_event_comes_again(
    shared_system: RunningSystem, organization: Organization
) -> None:
    instructor, student = organization.pair()
    booked = expect(201, organization.admin.post("/sessions", session(instructor, student)))
    wait_until(lambda: organization.is_allowed(instructor, student), 2)
    organization.end(instructor, student)
    event = booked_event(shared_system, booked["id"])
    fresh_id = event.replace(
        event.split('"id":"')[1][:36], "11111111-2222-4333-8444-555555555555", 1
    )
    deliver(shared_system, fresh_id)  # not even the inbox knows this one
    wait_for_marker(organization)
    assert history(organization, instructor, student) == ["ended"]
    assert not organization.is_allowed(instructor, student)


def test_a_session_moved_or_cancelled_afterwards_keeps_the_pair_assigned(
    organization: Organization,
) -> None:
    instructor, student = organization.pair()
    booked = expect(201, organization.admin.post("/sessions", session(instructor, student)))
    expect(200, organization.admin.post(f"/sessions/{booked['id']}/cancel", {"reason": "ill"}))
    wait_until(lambda: organization.is_allowed(instructor, student), 2)


def test_a_second_organization_sees_none_of_it(url: str, organization: Organization) -> None:
    instructor, student = organization.pair()
    stranger = sign_up(url)
    expect(422, stranger.admin.post("/sessions", session(instructor, student)))
    assert history(organization, instructor, student) == []
