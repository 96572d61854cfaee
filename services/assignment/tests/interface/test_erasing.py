"""What becomes of the assignments of a person whom identity erased, and what is handed out about one."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.context import Actor
from chassis.errors import Conflict, Forbidden, Invalid
from chassis.testing import wait_until

from .conftest import Ids, Organization


def erase(organization: Organization, user_id: str) -> Any:
    return organization.change("user_erased", user_id, status="archived")


def assigned(organization: Organization) -> Ids:
    pair = organization.known_pair()
    organization.call("assign", **pair)
    return pair


@pytest.mark.parametrize("who", ["student_id", "instructor_id"])
def test_an_erased_persons_assignments_end_and_stay_as_history(
    organization: Organization, who: str
) -> None:
    pair = assigned(organization)
    event = erase(organization, pair[who])
    [(assignment_id, source, is_active)] = organization.rows(pair)
    assert (source, is_active) == ("manual", False)
    assert organization.reason(pair) == f"{who.removesuffix('_id')}_archived"
    [ended] = organization.events("assignment_ended")
    assert ended.data["future_sessions"] == "cancel"
    assert [a["id"] for a in ended.data["assignments"]] == [assignment_id]
    assert ended.time >= event.time
    listed = organization.call("list_assignments", student_id=pair["student_id"])
    assert [item["status"] for item in listed["items"]] == ["ended"]


def test_the_assignments_end_by_whoever_erased(organization: Organization) -> None:
    pair = assigned(organization)
    owner = uuid.uuid4()
    person = organization.people[pair["student_id"]]
    person.update(status="archived", version=2)
    event = organization.users_event("user_erased", pair["student_id"])
    event = organization.event("user_erased", event.data, actor_id=owner)
    organization.service.publish_to_it(event)
    organization.wait_for(event)
    [ended] = organization.events("assignment_ended")
    assert ended.data["assignments"][0]["ended_by"] == str(owner)


def test_an_instructor_of_many_is_taken_off_all(organization: Organization) -> None:
    instructor = organization.person("instructor")
    students = [organization.person("student") for _ in range(600)]
    organization.tell("user_created", instructor, *students)
    pairs = [{"instructor_id": instructor, "student_id": student} for student in students]
    organization.call("assign_many", pairs=pairs)
    erase(organization, instructor)
    ended = organization.events("assignment_ended")
    assert sorted(len(event.data["assignments"]) for event in ended) == [100, 500]
    page = organization.call("list_assignments", instructor_id=instructor, status="active")
    assert page["items"] == []


def test_an_erasure_told_twice_or_anew_does_no_harm(organization: Organization) -> None:
    pair = assigned(organization)
    event = erase(organization, pair["student_id"])
    organization.service.publish_to_it(event)
    erase(organization, pair["student_id"])
    assert len(organization.events("assignment_ended")) == 1


def test_a_booking_that_comes_after_the_erasure_assigns_nobody(organization: Organization) -> None:
    pair = organization.known_pair()
    booked = organization.booked(pair)
    erase(organization, pair["student_id"])
    organization.service.publish_to_it(booked)
    organization.wait_for(booked)
    assert organization.rows(pair) == []


def test_a_person_erased_before_their_creation_is_told_is_not_assigned(
    organization: Organization,
) -> None:
    pair = organization.pair()
    erase(organization, pair["student_id"])
    organization.people[pair["student_id"]]["version"] = 1
    chosen = [{"id": str(uuid.uuid4()), **pair}]
    organization.tell(
        "user_created", *pair.values(), assignments=chosen, assigned_by=str(uuid.uuid4())
    )
    assert organization.rows(pair) == []
    assert organization.reason(pair) == "student_archived"


def test_late_news_of_an_erased_person_do_not_bring_them_back(organization: Organization) -> None:
    pair = assigned(organization)
    late = organization.users_event("user_restored", pair["student_id"])
    erase(organization, pair["student_id"])
    organization.service.publish_to_it(late)
    organization.wait_for(late)
    assert organization.reason(pair) == "student_archived"
    with pytest.raises(Conflict, match=r"assignment\.archived_person"):
        organization.call("assign", **pair)


def test_bookings_that_race_an_erasure_leave_no_active_assignment(
    organization: Organization,
) -> None:
    student = organization.person("student")
    instructors = [organization.person("instructor") for _ in range(30)]
    organization.tell("user_created", student, *instructors)
    pairs = [{"instructor_id": one, "student_id": student} for one in instructors]
    events = [organization.booked(pair) for pair in pairs]
    person = organization.people[student]
    person.update(status="archived", version=2)
    erased = organization.users_event("user_erased", student)
    for event in (*events[:15], erased, *events[15:]):
        organization.service.publish_to_it(event)
    organization.wait_for(*events, erased)
    assert not any(active for pair in pairs for (_, _, active) in organization.rows(pair))


def test_assigning_by_hand_that_races_an_erasure_leaves_no_active_assignment(
    organization: Organization,
) -> None:
    student = organization.person("student")
    instructors = [organization.person("instructor") for _ in range(40)]
    organization.tell("user_created", student, *instructors)
    pairs = [{"instructor_id": one, "student_id": student} for one in instructors]
    begun = threading.Barrier(2)

    def assign_all() -> None:
        begun.wait(10)
        for pair in pairs:
            with suppress(Conflict):  # assignment.archived_person
                organization.call("assign", **pair)

    with ThreadPoolExecutor(1) as pool:
        assigning = pool.submit(assign_all)
        begun.wait(10)
        erase(organization, student)
        assigning.result(30)
    assert not any(active for pair in pairs for (_, _, active) in organization.rows(pair))


def test_owners_learn_whether_it_is_done(organization: Organization) -> None:
    pair = assigned(organization)
    owner = organization.actor("owner")
    assert organization.call("erasure", owner, user_id=pair["student_id"]) == {"erased_at": None}
    erase(organization, pair["student_id"])
    assert organization.call("erasure", owner, user_id=pair["student_id"])["erased_at"]
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        organization.call("erasure", user_id=pair["student_id"])


def exported(organization: Organization, user_id: str, by: Actor) -> dict[str, list[Any]]:
    files: dict[str, list[Any]] = {}
    cursor = None
    while True:
        page = organization.call("export_person", by, user_id=user_id, cursor=cursor)
        files.setdefault(page["file"], []).extend(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return files


def test_an_export_holds_the_history_of_both_sides(organization: Organization) -> None:
    pair = assigned(organization)
    organization.call("end_assignment", **pair, future_sessions="keep")
    organization.call("assign", **pair)
    owner = organization.actor("owner")
    for who in pair.values():
        files = exported(organization, who, owner)
        assert [item["status"] for item in files["assignments"]] == ["ended", "active"]
        [standing] = files["assignment_standing"]
        assert standing["id"] == who
    own = organization.actor("student", pair["student_id"])
    assert exported(organization, pair["student_id"], own)["assignments"]
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        exported(organization, pair["instructor_id"], own)


def test_an_export_of_many_assignments_is_complete(organization: Organization) -> None:
    instructor = organization.person("instructor")
    students = [organization.person("student") for _ in range(450)]
    organization.tell("user_created", instructor, *students)
    pairs = [{"instructor_id": instructor, "student_id": student} for student in students]
    organization.call("assign_many", pairs=pairs)
    found = exported(organization, instructor, organization.actor("owner"))["assignments"]
    assert {item["student_id"] for item in found} == set(students)
    assert len(found) == 450


@pytest.mark.parametrize(
    "cursor", ["", "x", "WzIsbnVsbF0", "WzAsWyIyMDMwLTAxLTAxVDAwOjAwIiwieCJdXQ"]
)
def test_a_broken_cursor_of_an_export_is_named(organization: Organization, cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        organization.call(
            "export_person", organization.actor("owner"), user_id=uuid.uuid4(), cursor=cursor
        )
    assert [e.pointer for e in refused.value.errors] == ["/cursor"]


def test_what_happened_while_the_service_was_down_is_caught_up(organization: Organization) -> None:
    pair = assigned(organization)
    organization.service.stop()
    person = organization.people[pair["student_id"]]
    person.update(status="archived", version=2)
    event = organization.users_event("user_erased", pair["student_id"])
    organization.service.publish_to_it(event)
    organization.service.start()
    wait_until(lambda: organization.handled(event))
    assert [active for (_, _, active) in organization.rows(pair)] == [False]
    assert event.time < datetime.now(UTC) + timedelta(seconds=1)
