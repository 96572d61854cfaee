"""Booking by administrators, instructors and students."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, Unavailable
from chassis.testing import FakeNeighbour, actor


def test_an_admin_books_a_pair_that_nobody_assigned(school: Any) -> None:
    instructor, student = school.pair()
    session = school.book((instructor, student), title="Algebra", location="Room 4", notes="a\nb")
    assert session["status"] == "scheduled"
    assert session["instructor_id"] == str(instructor)
    assert session["student_id"] == str(student)
    assert session["booked_by"] == str(school.admin.user_id)
    assert (session["title"], session["location"], session["notes"]) == (
        "Algebra",
        "Room 4",
        "a\nb",
    )
    assert session["version"] == 1
    assert session["series_id"] is None
    assert school.call("get_session", session_id=session["id"]) == session


def test_an_admins_booking_tells_the_others_to_assign_the_pair(school: Any) -> None:
    session = school.book(school.pair(), title="Private words")
    event = next(e for e in school.service.events("session_booked") if e.subject == session["id"])
    assert event.data["assigns_pair"] is True
    assert event.data["session"]["instructor_id"] == session["instructor_id"]
    assert event.data["session"]["student_id"] == session["student_id"]
    assert "Private words" not in event.encode()


def test_an_owner_books_like_an_admin(school: Any) -> None:
    owner = actor("owner", organization_id=school.id)
    assert school.book(school.pair(), by=owner)["status"] == "scheduled"


def test_the_result_says_whether_an_admin_booked_the_pair_before(school: Any) -> None:
    pair = school.pair()
    for expected in (False, True):
        answer = school.call(
            "book_session",
            instructor_id=pair[0],
            student_id=pair[1],
            starts_at=f"2031-01-0{1 + expected}T10:00:00Z",
            duration_minutes=30,
        )
        assert answer["pair_booked_before"] is expected


def test_an_instructor_books_an_assigned_student(school: Any) -> None:
    pair = school.pair(assigned=True)
    session = school.book(pair, by=school.as_person(pair[0]))
    assert session["status"] == "scheduled"
    event = next(e for e in school.service.events("session_booked") if e.subject == session["id"])
    assert event.data["assigns_pair"] is False


def test_an_instructor_cannot_book_a_student_who_is_not_assigned(school: Any) -> None:
    pair = school.pair()
    with pytest.raises(Forbidden) as refused:
        school.book(pair, by=school.as_person(pair[0]))
    assert refused.value.code == "assignment.pair_not_assigned"


def test_an_instructor_cannot_book_for_another_instructor(school: Any) -> None:
    pair = school.pair(assigned=True)
    with pytest.raises(Forbidden) as refused:
        school.book(pair, by=school.as_person(school.person("instructor")))
    assert refused.value.code == "booking.not_allowed"


def test_a_student_cannot_book_like_an_instructor(school: Any) -> None:
    pair = school.pair(assigned=True)
    with pytest.raises(Forbidden):
        school.book(pair, by=school.as_person(pair[1]))


@pytest.mark.parametrize(
    ("setting", "status", "event"),
    [("request", "pending", "session_requested"), ("yes", "scheduled", "session_booked")],
)
def test_a_student_books_as_the_organization_lets_them(
    school: Any, setting: str, status: str, event: str
) -> None:
    school.settings["students_may_book"] = setting
    pair = school.pair(assigned=True)
    session = school.book(pair, by=school.as_person(pair[1]), method="request_session")
    assert session["status"] == status
    assert school.events_of(session) == [event]


def test_a_student_cannot_book_where_the_organization_says_no(school: Any) -> None:
    pair = school.pair(assigned=True)
    with pytest.raises(Forbidden) as refused:
        school.book(pair, by=school.as_person(pair[1]), method="request_session")
    assert refused.value.code == "booking.students_may_not_book"


def test_a_student_cannot_book_an_instructor_who_is_not_assigned(school: Any) -> None:
    school.settings["students_may_book"] = "yes"
    pair = school.pair()
    with pytest.raises(Forbidden) as refused:
        school.book(pair, by=school.as_person(pair[1]), method="request_session")
    assert refused.value.code == "assignment.pair_not_assigned"


def test_a_student_requests_for_nobody_else(school: Any) -> None:
    school.settings["students_may_book"] = "yes"
    pair = school.pair(assigned=True)
    another = school.as_person(school.person("student"))
    with pytest.raises(Forbidden) as refused:
        school.book(pair, by=another, method="request_session")
    assert refused.value.code == "booking.not_allowed"


def test_an_instructor_requests_nothing(school: Any) -> None:
    pair = school.pair(assigned=True)
    with pytest.raises(Forbidden):
        school.book(pair, by=school.as_person(pair[0]), method="request_session")


def test_an_anonymous_call_is_refused(school: Any) -> None:
    with pytest.raises(Forbidden) as refused:
        school.service.call("list_sessions")
    assert refused.value.code == "access.sign_in_required"


@pytest.mark.parametrize("who", ["instructor", "student"])
def test_nobody_books_a_person_whom_identity_does_not_know(school: Any, who: str) -> None:
    pair = dict(zip(("instructor", "student"), school.pair(), strict=True))
    pair[who] = uuid.uuid4()
    with pytest.raises(Invalid) as refused:
        school.book((pair["instructor"], pair["student"]))
    assert refused.value.code == f"booking.unknown_{who}"
    assert refused.value.errors[0].pointer == f"/{who}_id"


def test_a_person_of_another_organization_looks_unknown(school: Any) -> None:
    other = type(school)(school.service)
    strangers = other.pair()
    other.book(strangers)
    instructor, _ = school.pair()
    with pytest.raises(Invalid) as refused:
        school.book((instructor, strangers[1]))
    assert refused.value.code == "booking.unknown_student"


def test_a_student_cannot_be_booked_as_instructor(school: Any) -> None:
    with pytest.raises(Invalid) as refused:
        school.book((school.person("student"), school.person("student")))
    assert refused.value.code == "booking.unknown_instructor"


@pytest.mark.parametrize("who", ["instructor", "student"])
def test_nobody_books_an_archived_person(school: Any, who: str) -> None:
    pair = dict(zip(("instructor", "student"), school.pair(), strict=True))
    pair[who] = school.person(who, status="archived")
    with pytest.raises(Invalid) as refused:
        school.book((pair["instructor"], pair["student"]))
    assert refused.value.code == "booking.archived_person"
    assert refused.value.errors[0].pointer == f"/{who}_id"


def test_an_invited_person_can_be_booked(school: Any) -> None:
    pair = (school.person("instructor"), school.person("student", status="invited"))
    assert school.book(pair)["status"] == "scheduled"


def test_a_replayed_booking_answers_the_first_result(school: Any) -> None:
    pair, operation_id = school.pair(), uuid.uuid4()
    arguments: dict[str, Any] = {
        "operation_id": operation_id,
        "instructor_id": pair[0],
        "student_id": pair[1],
        "starts_at": "2031-02-01T10:00:00Z",
        "duration_minutes": 45,
    }
    first = school.call("book_session", **arguments)
    again = school.call("book_session", **arguments)
    assert again == first
    assert school.service.last_replayed
    assert len(school.events_of(first["session"])) == 1
    with pytest.raises(Invalid) as refused:
        school.call("book_session", **arguments | {"duration_minutes": 50})
    assert refused.value.code == "idempotency.key_reused"


def test_a_replay_answers_also_when_the_pair_is_no_longer_assigned(school: Any) -> None:
    pair, operation_id = school.pair(assigned=True), uuid.uuid4()
    arguments = {"starts_at": datetime(2031, 3, 1, 10, tzinfo=UTC), "operation_id": operation_id}
    first = school.book(pair, by=school.as_person(pair[0]), **arguments)
    school.pairs.clear()
    assert school.book(pair, by=school.as_person(pair[0]), **arguments) == first


def test_without_an_answer_from_assignment_instructors_wait_but_admins_book(
    school: Any, assignment: FakeNeighbour
) -> None:
    pair = school.pair(assigned=True)
    answers, is_over = assignment.handlers["authorize"], threading.Event()

    def silent(_kwargs: Any, _call: Any) -> None:
        is_over.wait(10)

    assignment.handlers["authorize"] = silent
    try:
        started = time.monotonic()
        with pytest.raises(Unavailable) as refused:
            school.book(pair, by=school.as_person(pair[0]))
        assert time.monotonic() - started < 4
        assert (
            refused.value.code != "deadline.exceeded"
        )  # an answer of ours, not the caller's patience
        assert school.book(pair)["status"] == "scheduled"
    finally:
        assignment.handlers["authorize"] = answers
        is_over.set()
    assert len(school.call("list_sessions")["items"]) == 1


@pytest.mark.parametrize("answer", [{}, {"allowed": None}, {"allowed": "yes"}, {"allowed": 1}])
def test_only_a_clear_yes_lets_an_instructor_book(
    school: Any, assignment: FakeNeighbour, answer: Any
) -> None:
    pair = school.pair(assigned=True)
    answers = assignment.handlers["authorize"]
    assignment.handlers["authorize"] = lambda _kwargs, _call: answer
    try:
        with pytest.raises(Forbidden):
            school.book(pair, by=school.as_person(pair[0]))
    finally:
        assignment.handlers["authorize"] = answers


def test_an_instructor_records_the_last_thirty_days_and_an_admin_any_time(school: Any) -> None:
    pair = school.pair(assigned=True)
    by = school.as_person(pair[0])
    now = datetime.now(UTC)
    assert school.book(pair, by=by, starts_at=now - timedelta(days=29))["status"] == "scheduled"
    with pytest.raises(Invalid) as refused:
        school.book(pair, by=by, starts_at=now - timedelta(days=31))
    assert refused.value.errors[0].pointer == "/starts_at"
    assert school.book(pair, starts_at=datetime(1999, 5, 1, 8, tzinfo=UTC))


def test_a_student_books_the_future_only(school: Any) -> None:
    school.settings["students_may_book"] = "yes"
    pair = school.pair(assigned=True)
    by = school.as_person(pair[1])
    with pytest.raises(Invalid) as refused:
        school.book(
            pair,
            by=by,
            method="request_session",
            starts_at=datetime.now(UTC) - timedelta(minutes=1),
        )
    assert refused.value.errors[0].pointer == "/starts_at"


def test_wall_clock_time_is_kept_with_its_zone(school: Any) -> None:
    session = school.book(
        school.pair(), starts_at="2031-07-01T09:30:00", time_zone="America/New_York"
    )
    assert session["starts_at"] == "2031-07-01T13:30:00+00:00"
    assert session["ends_at"] == "2031-07-01T14:30:00+00:00"
    assert session["time_zone"] == "America/New_York"
    rows = school.service.sql("SELECT wall_clock FROM sessions WHERE id = %s", (session["id"],))
    assert rows == [(datetime(2031, 7, 1, 9, 30),)]  # noqa: DTZ001 - wall-clock time


def test_the_organizations_zone_is_the_default(school: Any) -> None:
    naive = school.book(school.pair(), starts_at="2031-07-01T09:30:00")
    assert naive["starts_at"] == "2031-07-01T07:30:00+00:00"
    with_offset = school.book(school.pair(), starts_at="2031-07-01T09:30:00-03:00")
    assert with_offset["starts_at"] == "2031-07-01T12:30:00+00:00"
    assert naive["time_zone"] == with_offset["time_zone"] == "Europe/Berlin"


def test_a_time_that_clocks_skip_is_refused(school: Any) -> None:
    with pytest.raises(Invalid) as refused:
        school.book(school.pair(), starts_at="2031-03-30T02:30:00", time_zone="Europe/Berlin")
    assert refused.value.errors[0].pointer == "/starts_at"


def test_of_a_time_that_comes_twice_the_first_is_meant(school: Any) -> None:
    session = school.book(school.pair(), starts_at="2031-10-26T02:30:00", time_zone="Europe/Berlin")
    assert session["starts_at"] == "2031-10-26T00:30:00+00:00"


GOOD: dict[str, Any] = {"starts_at": "2031-05-01T10:00:00Z", "duration_minutes": 60}
BAD_IDS: list[Any] = [None, 1, "", "x", [], {}, "\x00"]
BAD_LINES: list[Any] = [7, "a\x00b", "a\nb", "x" * 501, ["x"]]
BAD: dict[str, list[Any]] = {
    "instructor_id": BAD_IDS,
    "student_id": BAD_IDS,
    "starts_at": [
        None, 5, "", "tomorrow", "2031-05-01", "1969-12-31T23:59:59Z", "2201-01-01T00:00:00Z",
        "2031-02-30T10:00:00Z", "2031-05-01T10:00:00+99:00", "0001-01-01T00:00:00+14:00", "T" * 99, {},
    ],
    "duration_minutes": [None, 4, 721, 0, -60, 60.5, "60", True, 2**60, []],
    "time_zone": ["", "Mars/Olympus", 7, "Europe/Berlin\x00", "x" * 300, "../etc"],
    "title": BAD_LINES,
    "location": BAD_LINES,
    "notes": [7, "a\x00b", "x" * 5001, {}],
    "allow_overlap": ["yes", 1, None, []],
    "extra": [None, 1],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_a_malformed_field_is_named(school: Any, name: str, value: Any) -> None:
    pair = school.pair()
    arguments = {"instructor_id": pair[0], "student_id": pair[1]} | GOOD | {name: value}
    with pytest.raises(Invalid) as refused:
        school.call("book_session", **arguments)
    assert [error.pointer for error in refused.value.errors] == [f"/{name}"]


@pytest.mark.parametrize("name", ["instructor_id", "student_id", "starts_at", "duration_minutes"])
def test_a_missing_field_is_named(school: Any, name: str) -> None:
    pair = school.pair()
    arguments = {"instructor_id": pair[0], "student_id": pair[1]} | GOOD
    del arguments[name]
    with pytest.raises(Invalid) as refused:
        school.call("book_session", **arguments)
    assert [error.pointer for error in refused.value.errors] == [f"/{name}"]


def test_nobody_has_a_session_with_themselves(school: Any) -> None:
    person = school.person("instructor", "student")
    with pytest.raises(Invalid) as refused:
        school.book((person, person))
    assert [error.pointer for error in refused.value.errors] == ["/student_id"]


def test_an_unknown_organization_is_not_invented(school: Any, identity: FakeNeighbour) -> None:
    pair = school.pair()
    answers = identity.handlers["get_organization"]

    def nothing(_kwargs: Any, _call: Any) -> None:
        raise Conflict("identity.strange", "No.")

    identity.handlers["get_organization"] = nothing
    try:
        with pytest.raises(Conflict):
            school.book(pair)
    finally:
        identity.handlers["get_organization"] = answers
    assert school.book(pair)
