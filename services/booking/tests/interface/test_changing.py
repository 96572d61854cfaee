"""Moving, confirming, declining, cancelling, completing and missing."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from chassis.testing import FakeNeighbour

ACTIONS = ("confirm", "decline", "cancel", "complete", "miss")


def change(school: Any, session: Any, *, by: Any = None, **changes: Any) -> Any:
    more = {key: changes.pop(key) for key in ("if_version", "allow_overlap") if key in changes}
    return school.call(
        "reschedule_session", by=by, session_id=session["id"], changes=changes, **more
    )


def requested(school: Any) -> tuple[Any, tuple[uuid.UUID, uuid.UUID]]:
    school.settings["students_may_book"] = "request"
    pair = school.pair(assigned=True)
    session = school.book(pair, by=school.as_person(pair[1]), method="request_session")
    return session, pair


def past(school: Any, *, hours: int = 2, **more: Any) -> Any:
    return school.book(school.pair(), starts_at=datetime.now(UTC) - timedelta(hours=hours), **more)


def test_a_moved_session_keeps_length_zone_and_words(school: Any) -> None:
    session = school.book(school.pair(), title="Algebra", duration_minutes=90)
    moved = change(school, session, starts_at="2033-07-01T09:00:00")
    assert moved["starts_at"] == "2033-07-01T07:00:00+00:00"  # the session's own zone: Berlin
    assert moved["ends_at"] == "2033-07-01T08:30:00+00:00"
    assert (moved["title"], moved["version"]) == ("Algebra", 2)
    assert school.events_of(session) == ["session_booked", "session_rescheduled"]


def test_a_longer_session_starts_when_it_did(school: Any) -> None:
    session = school.book(school.pair(), starts_at="2033-07-02T09:00:00Z")
    longer = change(school, session, duration_minutes=120)
    assert longer["starts_at"] == session["starts_at"]
    assert longer["ends_at"] == "2033-07-02T11:00:00+00:00"


def test_a_new_zone_alone_keeps_the_instant(school: Any) -> None:
    session = school.book(school.pair(), starts_at="2033-07-03T09:00:00Z")
    changed = change(school, session, time_zone="Asia/Tokyo")
    assert (changed["starts_at"], changed["time_zone"]) == (session["starts_at"], "Asia/Tokyo")
    assert school.events_of(session)[-1] == "session_updated"


def test_words_change_without_moving(school: Any) -> None:
    session = school.book(school.pair(), title="Algebra", notes="old")
    changed = change(school, session, title="Geometry", notes=None)
    assert (changed["title"], changed["notes"], changed["version"]) == ("Geometry", None, 2)
    assert school.events_of(session) == ["session_booked", "session_updated"]


@pytest.mark.parametrize("changes", [{}, {"title": "Algebra"}, {"duration_minutes": 60}])
def test_what_changes_nothing_counts_no_version(school: Any, changes: Any) -> None:
    session = school.book(school.pair(), title="Algebra", duration_minutes=60)
    assert change(school, session, **changes) == session
    assert school.events_of(session) == ["session_booked"]


def test_a_session_does_not_move_onto_another(school: Any) -> None:
    pair = school.pair()
    session, other = school.book(pair), school.book(pair)
    with pytest.raises(Conflict) as refused:
        change(school, session, starts_at=other["starts_at"])
    assert refused.value.code == "booking.conflict"
    assert {c["id"] for c in refused.value.data["conflicts"]} == {other["id"]}
    assert school.call("get_session", session_id=session["id"]) == session


def test_a_session_may_move_by_less_than_its_length(school: Any) -> None:
    session = school.book(school.pair(), starts_at="2033-08-01T09:00:00Z")
    assert change(school, session, starts_at="2033-08-01T09:30:00Z")["version"] == 2


def test_an_admin_moves_onto_another_on_purpose_where_the_organization_warns(school: Any) -> None:
    school.settings["conflict_policy"] = "warn"
    pair = school.pair()
    session, other = school.book(pair), school.book(pair)
    moved = change(school, session, starts_at=other["starts_at"], allow_overlap=True)
    assert moved["starts_at"] == other["starts_at"]


def test_a_stale_version_changes_nothing(school: Any) -> None:
    session = school.book(school.pair())
    change(school, session, title="One", if_version=1)
    with pytest.raises(Conflict) as refused:
        change(school, session, title="Two", if_version=1)
    assert refused.value.code == "booking.stale_version"


def test_the_sessions_instructor_moves_it_while_the_pair_is_assigned(school: Any) -> None:
    pair = school.pair(assigned=True)
    session = school.book(pair)
    by = school.as_person(pair[0])
    assert change(school, session, by=by, starts_at="2033-09-01T09:00:00Z")["version"] == 2
    school.pairs.clear()
    with pytest.raises(Forbidden) as refused:
        change(school, session, by=by, starts_at="2033-09-02T09:00:00Z")
    assert refused.value.code == "assignment.pair_not_assigned"
    assert change(school, session, by=by, title="Words may change")["version"] == 3


def test_a_student_does_not_move_a_session(school: Any) -> None:
    pair = school.pair(assigned=True)
    session = school.book(pair)
    with pytest.raises(Forbidden):
        change(school, session, by=school.as_person(pair[1]), title="Mine")


def test_a_finished_session_moves_no_more_but_its_words_change(school: Any) -> None:
    session = past(school)
    school.call("complete_session", session_id=session["id"])
    with pytest.raises(Conflict) as refused:
        change(school, session, starts_at="2033-10-01T09:00:00Z")
    assert refused.value.code == "booking.wrong_status"
    assert change(school, session, notes="Did well")["notes"] == "Did well"


def test_a_cancelled_session_changes_no_more(school: Any) -> None:
    session = school.book(school.pair())
    school.call("cancel_session", session_id=session["id"])
    with pytest.raises(Conflict) as refused:
        change(school, session, title="Back again")
    assert refused.value.code == "booking.wrong_status"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"starts_at": "2031-03-30T02:30:00"}, "/changes/starts_at"),
        ({"starts_at": None}, "/changes/starts_at"),
        ({"duration_minutes": 4}, "/changes/duration_minutes"),
        ({"time_zone": "Nowhere"}, "/changes/time_zone"),
        ({"title": "a\x00"}, "/changes/title"),
        ({"status": "completed"}, "/changes/status"),
        ({"version": 7}, "/changes/version"),
    ],
)
def test_a_malformed_change_is_named(school: Any, changes: Any, pointer: str) -> None:
    session = school.book(school.pair())
    with pytest.raises(Invalid) as refused:
        change(school, session, **changes)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize("changes", [None, [], "x", 5])
def test_changes_must_be_an_object(school: Any, changes: Any) -> None:
    with pytest.raises(Invalid) as refused:
        school.call("reschedule_session", session_id=str(uuid.uuid4()), changes=changes)
    assert [error.pointer for error in refused.value.errors] == ["/changes"]


def test_an_instructor_confirms_a_request(school: Any) -> None:
    session, pair = requested(school)
    confirmed = school.call(
        "confirm_session", by=school.as_person(pair[0]), session_id=session["id"]
    )
    assert (confirmed["status"], confirmed["version"]) == ("scheduled", 2)
    assert school.events_of(session) == ["session_requested", "session_booked"]


def test_an_instructor_does_not_confirm_for_a_pair_that_ended(
    school: Any, assignment: FakeNeighbour
) -> None:
    session, pair = requested(school)
    school.pairs.clear()
    with pytest.raises(Forbidden) as refused:
        school.call("confirm_session", by=school.as_person(pair[0]), session_id=session["id"])
    assert refused.value.code == "assignment.pair_not_assigned"


def test_an_admin_who_confirms_assigns_the_pair(school: Any) -> None:
    session, _ = requested(school)
    school.call("confirm_session", session_id=session["id"])
    event = next(e for e in school.service.events("session_booked") if e.subject == session["id"])
    assert event.data["assigns_pair"] is True


def test_a_student_does_not_confirm_their_own_request(school: Any) -> None:
    session, pair = requested(school)
    for action in ("confirm", "decline", "complete", "miss"):
        with pytest.raises(Forbidden):
            school.call(f"{action}_session", by=school.as_person(pair[1]), session_id=session["id"])


def test_a_declined_request_is_cancelled_with_its_reason(school: Any) -> None:
    session, pair = requested(school)
    declined = school.call(
        "decline_session",
        by=school.as_person(pair[0]),
        session_id=session["id"],
        reason="On holiday",
    )
    assert declined["status"] == "cancelled"
    rows = school.service.sql("SELECT reason FROM sessions WHERE id = %s", (session["id"],))
    assert rows == [("On holiday",)]
    assert school.events_of(session) == ["session_requested", "session_cancelled"]


@pytest.mark.parametrize("who", ["admin", "instructor", "student"])
def test_admin_instructor_and_student_may_cancel(school: Any, who: str) -> None:
    pair = school.pair()
    session = school.book(pair)
    by = {
        "admin": school.admin,
        "instructor": school.as_person(pair[0]),
        "student": school.as_person(pair[1]),
    }[who]
    cancelled = school.call("cancel_session", by=by, session_id=session["id"], reason="Ill")
    assert cancelled["status"] == "cancelled"
    assert school.events_of(session) == ["session_booked", "session_cancelled"]


@pytest.mark.parametrize(("action", "status"), [("complete", "completed"), ("miss", "missed")])
def test_a_session_that_took_place_is_completed_or_missed(
    school: Any, action: str, status: str
) -> None:
    session = past(school)
    by = school.as_person(uuid.UUID(session["instructor_id"]))
    done = school.call(f"{action}_session", by=by, session_id=session["id"])
    assert done["status"] == status
    event = next(
        e for e in school.service.events("session_completed") if e.subject == session["id"]
    )
    assert event.data["session"]["status"] == status


@pytest.mark.parametrize("action", ["complete", "miss"])
def test_a_session_that_has_not_started_is_not_over(school: Any, action: str) -> None:
    session = school.book(school.pair())
    with pytest.raises(Conflict) as refused:
        school.call(f"{action}_session", session_id=session["id"])
    assert refused.value.code == "booking.wrong_status"


def in_status(school: Any, status: str) -> Any:
    if status == "pending":
        return requested(school)[0]
    session = past(school)
    action = {"completed": "complete", "missed": "miss", "cancelled": "cancel"}.get(status)
    if action:
        school.call(f"{action}_session", session_id=session["id"])
    return session


ALLOWED = {
    "pending": {"confirm", "decline", "cancel"},
    "scheduled": {"cancel", "complete", "miss"},
}


@pytest.mark.parametrize("status", ["pending", "scheduled", "completed", "missed", "cancelled"])
def test_only_the_present_status_decides_what_may_follow(school: Any, status: str) -> None:
    for action in ACTIONS:
        session = in_status(school, status)
        if action in ALLOWED.get(status, ()):
            school.call(f"{action}_session", session_id=session["id"])
            continue
        with pytest.raises(Conflict) as refused:
            school.call(f"{action}_session", session_id=session["id"])
        assert refused.value.code == "booking.wrong_status"


def test_a_repeated_cancellation_answers_the_first_result(school: Any) -> None:
    session, operation_id = school.book(school.pair()), uuid.uuid4()
    arguments = {"session_id": session["id"], "operation_id": operation_id}
    first = school.call("cancel_session", **arguments)
    assert school.call("cancel_session", **arguments) == first
    assert school.service.last_replayed


@pytest.mark.parametrize("method", ["get_session", *(f"{action}_session" for action in ACTIONS)])
def test_a_session_of_others_looks_unknown(school: Any, method: str) -> None:
    session = school.book(school.pair())
    stranger = school.as_person(school.person("instructor"))
    foreign = type(school)(school.service).admin
    for by in (stranger, foreign):
        with pytest.raises(NotFound) as refused:
            school.call(method, by=by, session_id=session["id"])
        assert refused.value.code == "booking.unknown_session"
        with pytest.raises(NotFound):
            change(school, session, by=by, title="Mine now")
    assert school.call("get_session", session_id=session["id"]) == session


def test_an_instructor_without_the_role_leads_nothing(school: Any) -> None:
    pair = school.pair()
    session = school.book(pair)
    school.people[str(pair[0])]["roles"] = ["student"]
    with pytest.raises(Forbidden):
        school.call("decline_session", by=school.as_person(pair[0]), session_id=session["id"])


@pytest.mark.parametrize("session_id", [None, "", "x", 7, [], "\x00"])
@pytest.mark.parametrize("method", ["get_session", "cancel_session"])
def test_a_malformed_session_id_is_named(school: Any, method: str, session_id: Any) -> None:
    with pytest.raises(Invalid) as refused:
        school.call(method, session_id=session_id)
    assert [error.pointer for error in refused.value.errors] == ["/session_id"]


def test_when_assignment_does_not_answer_an_instructor_confirms_nothing(
    school: Any, assignment: FakeNeighbour
) -> None:
    session, pair = requested(school)
    answers = assignment.handlers["authorize"]

    def silent(_kwargs: Any, _call: Any) -> None:
        raise Unavailable("database.unavailable", "Down.")

    assignment.handlers["authorize"] = silent
    try:
        with pytest.raises(Unavailable):
            school.call("confirm_session", by=school.as_person(pair[0]), session_id=session["id"])
    finally:
        assignment.handlers["authorize"] = answers
    assert school.call("get_session", session_id=session["id"])["status"] == "pending"
