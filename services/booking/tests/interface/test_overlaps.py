"""No two sessions of one person at once, whoever books and however many at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.errors import Conflict, Invalid, ServiceError

START = datetime(2032, 1, 5, 10, tzinfo=UTC)


def outcomes(calls: Sequence[Callable[[], Any]]) -> Counter[str]:
    """What the calls answered when all were made at once."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> str:
        barrier.wait()
        try:
            call()
        except ServiceError as error:
            return error.code
        return "booked"

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


def test_of_twenty_bookings_of_one_slot_one_succeeds(school: Any) -> None:
    pair = school.pair()
    for day in range(10):
        at = START + timedelta(days=day)
        found = outcomes([partial(school.book, pair, starts_at=at)] * 20)
        assert found == {"booked": 1, "booking.conflict": 19}


def test_one_student_is_not_booked_with_two_instructors_at_once(school: Any) -> None:
    student = school.person("student")
    instructors = [school.person("instructor") for _ in range(10)]
    for day in range(10):
        at = START + timedelta(days=day)
        found = outcomes([partial(school.book, (i, student), starts_at=at) for i in instructors])
        assert found == {"booked": 1, "booking.conflict": 9}


def test_crossed_pairs_neither_deadlock_nor_overlap(school: Any) -> None:
    """Everybody with everybody at overlapping times: the order of locks is put to the test."""
    people = [school.person("instructor", "student") for _ in range(4)]
    pairs = [(a, b) for a in people for b in people if a != b]
    for day in range(5):
        at = START + timedelta(days=day)
        calls = [
            partial(school.book, p, starts_at=at + timedelta(minutes=n))
            for n, p in enumerate(pairs)
        ]
        found = outcomes(calls)
        assert set(found) == {"booked", "booking.conflict"}
        assert 1 <= found["booked"] <= 2
    assert overlapping(school) == []


def overlapping(school: Any) -> list[Any]:
    return list(
        school.service.sql(
            """SELECT a.id, b.id FROM sessions a JOIN sessions b
                 ON a.organization_id = b.organization_id AND a.id < b.id
                AND ARRAY[a.instructor_id, a.student_id] && ARRAY[b.instructor_id, b.student_id]
                AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
              WHERE a.organization_id = %s AND a.status <> 'cancelled' AND b.status <> 'cancelled'""",
            (str(school.id),),
        )
    )


def test_two_sessions_cannot_be_moved_to_one_slot(school: Any) -> None:
    pair = school.pair()
    for day in range(5):
        at = START + timedelta(days=day)
        sessions = [school.book(pair, starts_at=at + timedelta(hours=2 * n)) for n in range(4)]
        target = (at + timedelta(hours=12)).isoformat()
        found = outcomes(
            [
                partial(
                    school.call,
                    "reschedule_session",
                    session_id=s["id"],
                    changes={"starts_at": target},
                )
                for s in sessions
            ]
        )
        assert found == {"booked": 1, "booking.conflict": 3}


def test_a_conflict_says_what_is_in_the_way(school: Any) -> None:
    instructor, student = school.pair()
    theirs = school.book((instructor, school.person("student")), starts_at=START)
    own = school.book(
        (school.person("instructor"), student), starts_at=START + timedelta(minutes=30)
    )
    with pytest.raises(Conflict) as refused:
        school.book((instructor, student), starts_at=START + timedelta(minutes=45))
    assert refused.value.code == "booking.conflict"
    assert refused.value.data["conflicts"] == [
        {"who": who, **{key: session[key] for key in ("id", "starts_at", "ends_at")}}
        for who, session in (("instructor", theirs), ("student", own))
    ]


def test_back_to_back_sessions_do_not_overlap(school: Any) -> None:
    pair = school.pair()
    for hour in (1, 0, 2):
        school.book(pair, starts_at=START + timedelta(hours=hour))


def test_nobody_teaches_and_learns_at_once(school: Any) -> None:
    both = school.person("instructor", "student")
    teaching = school.book((both, school.person("student")), starts_at=START)
    with pytest.raises(Conflict) as refused:
        school.book((school.person("instructor"), both), starts_at=START + timedelta(minutes=30))
    conflicts = refused.value.data["conflicts"]
    assert [(c["id"], c["who"]) for c in conflicts] == [(teaching["id"], "student")]
    school.book((school.person("instructor"), both), starts_at=START + timedelta(hours=1))


def test_a_pending_request_holds_its_slot(school: Any) -> None:
    school.settings["students_may_book"] = "request"
    pair = school.pair(assigned=True)
    school.book(pair, by=school.as_person(pair[1]), method="request_session", starts_at=START)
    with pytest.raises(Conflict):
        school.book(pair, starts_at=START)


def test_a_cancelled_session_frees_its_slot(school: Any) -> None:
    pair = school.pair()
    first = school.book(pair, starts_at=START)
    school.call("cancel_session", session_id=first["id"])
    school.book(pair, starts_at=START)


def test_an_admin_overlaps_on_purpose_where_the_organization_warns(school: Any) -> None:
    school.settings["conflict_policy"] = "warn"
    pair = school.pair()
    school.book(pair, starts_at=START)
    school.book(pair, starts_at=START, allow_overlap=True)
    with pytest.raises(Conflict) as refused:
        school.book(pair, starts_at=START)
    assert len(refused.value.data["conflicts"]) == 4  # two sessions, each of both people


def recorded_overlaps(school: Any) -> list[Any]:
    return [
        event
        for event in school.service.events("audit_recorded")
        if event.organization_id == school.id
    ]


@pytest.mark.parametrize("by_moving", [False, True])
def test_an_overlap_that_an_admin_allowed_is_put_on_record(school: Any, by_moving: bool) -> None:
    school.settings["conflict_policy"] = "warn"
    pair = school.pair()
    first = school.book(pair, starts_at=START)
    if by_moving:
        session = school.book(pair)
        changes = {"starts_at": first["starts_at"]}
        school.call(
            "reschedule_session", session_id=session["id"], changes=changes, allow_overlap=True
        )
    else:
        session = school.book(pair, starts_at=START, allow_overlap=True)
    [event] = recorded_overlaps(school)
    assert event.data == {
        "action": "session.overlap_allowed",
        "actor_id": str(school.admin.user_id),
        "targets": [session["id"], str(pair[0]), str(pair[1])],
        "details": {
            "overlapped": [
                {"id": first["id"], "who": "instructor"},
                {"id": first["id"], "who": "student"},
            ]
        },
    }


def test_leave_to_overlap_that_nothing_needed_is_not_put_on_record(school: Any) -> None:
    school.settings["conflict_policy"] = "warn"
    school.book(school.pair(), starts_at=START, allow_overlap=True)
    assert recorded_overlaps(school) == []


def test_a_session_that_overlaps_on_purpose_blocks_ordinary_ones(school: Any) -> None:
    school.settings["conflict_policy"] = "warn"
    pair = school.pair()
    school.book(pair, starts_at=START, allow_overlap=True)
    with pytest.raises(Conflict):
        school.book(pair, starts_at=START + timedelta(minutes=30))
    found = outcomes(
        [
            partial(school.book, pair, starts_at=START + timedelta(days=1), allow_overlap=n == 0)
            for n in range(8)
        ]
    )
    assert found["booked"] in {1, 2}  # the one on purpose, and an ordinary one if it came first


@pytest.mark.parametrize("policy", ["block", "warn"])
def test_nobody_else_overlaps_on_purpose(school: Any, policy: str) -> None:
    school.settings["conflict_policy"] = policy
    pair = school.pair(assigned=True)
    by = school.admin if policy == "block" else school.as_person(pair[0])
    with pytest.raises(Invalid) as refused:
        school.book(pair, by=by, starts_at=START, allow_overlap=True)
    assert [error.pointer for error in refused.value.errors] == ["/allow_overlap"]


def test_the_database_itself_refuses_an_overlap(school: Any) -> None:
    session = school.book(school.pair(), starts_at=START)
    with pytest.raises(Exception, match="sessions_instructor_free"):
        school.service.sql(
            """INSERT INTO sessions SELECT organization_id, gen_random_uuid(), series_id, instructor_id,
                 student_id, starts_at, ends_at, time_zone, wall_clock, status, title, notes, location,
                 allow_overlap, booked_by, booked_by_admin, reason, created_at, updated_at, version
               FROM sessions WHERE id = %s""",
            (session["id"],),
        )


bookings = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 9), st.integers(1, 4)),
    min_size=2,
    max_size=8,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(wanted=bookings)
def test_a_booking_stands_exactly_if_both_people_are_free(
    school: Any, wanted: list[tuple[int, int, int, int]]
) -> None:
    instructors = [school.person("instructor") for _ in range(2)]
    students = [school.person("student") for _ in range(2)]
    taken: list[tuple[int, int, int, int]] = []
    for who, whom, start, length in wanted:
        is_free = not any(
            (who == i or whom == s) and start < other + lasting and other < start + length
            for i, s, other, lasting in taken
        )
        try:
            school.book(
                (instructors[who], students[whom]),
                starts_at=START + timedelta(hours=start),
                duration_minutes=60 * length,
            )
            assert is_free
            taken.append((who, whom, start, length))
        except Conflict:
            assert not is_free
