"""Ways 1 and 2, and what becomes of people: events come twice, late and in any order."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from chassis.errors import Unavailable
from chassis.testing import wait_until


def test_a_student_is_created_with_the_instructors_chosen(organization: Any) -> None:
    pair, assignment_id, by = organization.pair(), str(uuid.uuid4()), str(uuid.uuid4())
    chosen = [{"id": assignment_id, **pair}]
    event = organization.tell("user_created", *pair.values(), assignments=chosen, assigned_by=by)
    assert organization.rows(pair) == [(assignment_id, "student_creation", True)]
    assert organization.reason(pair) == "assigned"
    [created] = organization.events("assignment_created")
    [assignment] = created.data["assignments"]
    assert (assignment["id"], assignment["assigned_by"]) == (assignment_id, by)
    assert datetime.fromisoformat(assignment["assigned_at"]) == event.time


def test_a_bulk_of_people_and_pairs_is_one_event_more(organization: Any) -> None:
    instructor = organization.person("instructor")
    students = [organization.person("student") for _ in range(400)]
    chosen = [
        {"id": str(uuid.uuid4()), "instructor_id": instructor, "student_id": student}
        for student in students
    ]
    event = organization.tell(
        "user_created", instructor, *students, assignments=chosen, assigned_by=str(uuid.uuid4())
    )
    [created] = organization.events("assignment_created")
    assert {a["id"] for a in created.data["assignments"]} == {a["id"] for a in chosen}
    assert created.subject == str(event.id)


def test_an_administrators_booking_assigns_the_pair(organization: Any) -> None:
    pair = organization.known_pair()
    event = organization.booked(pair)
    organization.service.publish_to_it(event)
    wait_until(lambda: organization.reason(pair) == "assigned")
    [(_, source, _)] = organization.rows(pair)
    assert source == "booking"
    [created] = organization.events("assignment_created")
    assert created.data["assignments"][0]["assigned_by"] == str(organization.admin.user_id)
    assert created.subject == f"{pair['instructor_id']}:{pair['student_id']}"


def test_another_persons_booking_assigns_nobody(organization: Any) -> None:
    pair, assigning = organization.known_pair(), organization.known_pair()
    organization.service.publish_to_it(organization.booked(pair, assigns_pair=False))
    last = organization.booked(assigning)
    organization.service.publish_to_it(last)
    organization.wait_for(last)
    assert organization.rows(pair) == []


def test_an_event_that_comes_twice_is_applied_once(organization: Any) -> None:
    pair = organization.known_pair()
    event = organization.booked(pair)
    for _ in range(5):
        organization.service.publish_to_it(event)
    organization.wait_for(event)
    organization.call("end_assignment", **pair)
    last = organization.booked(organization.known_pair())
    organization.service.publish_to_it(event)
    organization.service.publish_to_it(last)
    organization.wait_for(last)
    assert [active for _, _, active in organization.rows(pair)] == [False]


def test_a_pair_that_was_ended_after_the_booking_stays_ended(organization: Any) -> None:
    pair = organization.known_pair()
    organization.call("assign", **pair)
    late = organization.booked(pair)
    organization.call("end_assignment", **pair)
    organization.service.publish_to_it(late)
    organization.wait_for(late)
    assert organization.reason(pair) == "ended"
    assert len(organization.events("assignment_created")) == 1


def test_a_pair_that_was_ended_after_the_students_creation_stays_ended(organization: Any) -> None:
    pair = organization.pair()
    chosen = [{"id": str(uuid.uuid4()), **pair}]
    late = organization.users_event(
        "user_created", *pair.values(), assignments=chosen, assigned_by=str(uuid.uuid4())
    )
    organization.call("assign", **pair)
    organization.call("end_assignment", **pair)
    organization.service.publish_to_it(late)
    organization.wait_for(late)
    assert organization.reason(pair) == "ended"


def test_a_booking_after_the_end_assigns_again(organization: Any) -> None:
    pair = organization.known_pair()
    organization.call("assign", **pair)
    organization.call("end_assignment", **pair)
    event = organization.booked(pair)
    organization.service.publish_to_it(event)
    organization.wait_for(event)
    assert organization.reason(pair) == "assigned"
    assert [source for _, source, _ in organization.rows(pair)] == ["manual", "booking"]


def test_ends_that_meet_late_bookings_always_win(organization: Any) -> None:
    pairs = [organization.known_pair() for _ in range(12)]
    organization.call("assign_many", pairs=pairs)
    bookings = [organization.booked(pair) for pair in pairs for _ in range(3)]

    def end(pair: dict[str, str]) -> None:
        organization.call("end_assignment", **pair)

    with ThreadPoolExecutor(8) as threads:
        told = threads.map(organization.service.publish_to_it, bookings)
        ended = threads.map(end, pairs)
        list(told)
        list(ended)
    organization.wait_for(*bookings)
    assert [organization.reason(pair) for pair in pairs] == ["ended"] * 12
    assert all(len(organization.rows(pair)) == 1 for pair in pairs)


def test_a_booking_that_waited_for_an_end_is_withdrawn(organization: Any) -> None:
    """The end is committed only while the handler's insert waits for it: its own look at the ends was too early."""
    pair = organization.known_pair()
    organization.call("assign", **pair)
    booking = organization.booked(pair)
    ending = psycopg2.connect(organization.service.database.superuser)
    with ending.cursor() as cursor:
        cursor.execute(
            "UPDATE assignments SET ended_at = clock_timestamp(), ended_by = assigned_by"
            " WHERE instructor_id = %s",
            (pair["instructor_id"],),
        )
        organization.service.publish_to_it(booking)
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        wait_until(lambda: organization.service.sql(waiting)[0][0])
    ending.commit()
    ending.close()
    organization.wait_for(booking)
    assert organization.reason(pair) == "ended"
    assert len(organization.rows(pair)) == 1
    assert len(organization.events("assignment_created")) == 1


def test_bookings_and_hands_that_assign_one_pair_at_once_make_one_assignment(
    organization: Any,
) -> None:
    pairs = [organization.known_pair() for _ in range(10)]
    bookings = [organization.booked(pair) for pair in pairs for _ in range(4)]
    with ThreadPoolExecutor(16) as threads:
        told = threads.map(organization.service.publish_to_it, bookings)
        answers = threads.map(lambda pair: organization.call("assign", **pair), pairs * 4)
        list(told)
        active = {a["assignment"]["id"] for a in answers}
    organization.wait_for(*bookings)
    assert len(active) == 10
    assert all(len(organization.rows(pair)) == 1 for pair in pairs)
    ids = [
        a["id"] for e in organization.events("assignment_created") for a in e.data["assignments"]
    ]
    assert sorted(ids) == sorted(active)


def test_a_booking_may_come_before_its_people(organization: Any) -> None:
    pair = organization.pair()
    booking = organization.booked(pair)
    organization.service.publish_to_it(booking)
    organization.wait_for(booking)
    assert organization.reason(pair) == "assigned"


def test_an_older_state_of_a_person_never_replaces_a_newer(organization: Any) -> None:
    pair = organization.known_pair()
    organization.call("assign", **pair)
    student = organization.people[pair["student_id"]]
    events = []
    for version, status in ((2, "archived"), (3, "active"), (4, "archived")):
        student.update(status=status, version=version)
        name = "user_archived" if status == "archived" else "user_restored"
        events.append(organization.users_event(name, student["id"]))
    for event in (events[2], events[1], events[0], events[1], events[2]):
        organization.service.publish_to_it(event)
    organization.wait_for(*events)
    assert organization.reason(pair) == "student_archived"


def test_a_person_named_twice_in_one_event_ends_as_the_newer(organization: Any) -> None:
    pair = organization.known_pair()
    organization.call("assign", **pair)
    event = organization.users_event("user_updated", pair["student_id"], pair["student_id"])
    event.data["users"][0].update(version=3, status="archived")
    event.data["users"][1].update(version=2)
    organization.service.publish_to_it(event)
    organization.wait_for(event)
    assert organization.reason(pair) == "student_archived"


def test_an_event_that_breaks_the_contract_does_not_hold_up_the_next(organization: Any) -> None:
    pair = organization.known_pair()
    broken = organization.booked({**pair, "student_id": "nobody"})
    itself = organization.booked({**pair, "student_id": pair["instructor_id"]})
    good = organization.booked(pair)
    for event in (broken, itself, good):
        organization.service.publish_to_it(event)
    organization.wait_for(good)
    assert organization.reason(pair) == "assigned"
    assert not organization.handled(broken)
    assert not organization.handled(itself)


def test_a_clock_that_is_ahead_cannot_make_an_end_before_its_start(organization: Any) -> None:
    pair = organization.known_pair()
    booking = organization.booked(pair, time=datetime.now(UTC) + timedelta(seconds=30))
    organization.service.publish_to_it(booking)
    organization.wait_for(booking)
    ended = organization.call("end_assignment", **pair)["ended"]
    assert ended["ended_at"] >= ended["assigned_at"]
    assert organization.reason(pair) == "ended"


def test_unknown_people_cannot_be_decided_about_while_identity_is_down(
    organization: Any, identities: Any
) -> None:
    known, unknown = organization.known_pair(), organization.pair()
    organization.call("assign", **known)
    booking = organization.booked(unknown)
    organization.service.publish_to_it(booking)
    organization.wait_for(booking)

    def silent(*_: Any) -> Any:
        raise Unavailable("identity.down", "down")

    identities.fake.handlers["get_users"] = silent
    try:
        assert organization.reason(known) == "assigned"
        with pytest.raises(Unavailable):
            organization.reason(unknown)
    finally:
        identities.fake.handlers["get_users"] = identities.get_users
    assert organization.reason(unknown) == "assigned"
