"""How a session begins and what may become of it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_service import domain
from booking_service.domain import Facts, Organization, Participant, Session
from booking_service.errors import (
    OverlapNotAllowed,
    PersonNotBookable,
    StudentsMayNotBook,
    UnknownOrganization,
    WrongStatus,
)
from chassis.errors import ServiceError

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
ADMIN = uuid.uuid4()


def facts(**settings: Any) -> Facts:
    return Facts(
        Organization(
            "Europe/Berlin",
            settings.get("conflict_policy", "block"),
            settings.get("students_may_book", "no"),
        ),
        settings.get("instructor", Participant(frozenset({"instructor"}), "active")),
        settings.get("student", Participant(frozenset({"student"}), "active")),
    )


def new(capacity: Any = "admin", known: Facts | None = None, **arguments: Any) -> Session:
    wanted = {
        "instructor_id": uuid.uuid4(),
        "student_id": uuid.uuid4(),
        "starts_at": NOW + timedelta(days=1),
        "duration_minutes": 60,
    } | arguments
    return domain.new_session(known or facts(), wanted, capacity, ADMIN, NOW)


def test_a_new_session_is_scheduled_in_the_organizations_zone() -> None:
    session = new()
    assert (session.status, session.time_zone, session.version) == ("scheduled", "Europe/Berlin", 1)
    assert session.booked_by_admin


@pytest.mark.parametrize(("setting", "status"), [("request", "pending"), ("yes", "scheduled")])
def test_a_students_booking_begins_as_the_organization_says(setting: str, status: str) -> None:
    session = new("student", facts(students_may_book=setting))
    assert (session.status, session.booked_by_admin) == (status, False)


def test_students_book_nothing_where_the_organization_says_no() -> None:
    with pytest.raises(StudentsMayNotBook):
        new("student")


def test_nothing_is_booked_for_an_unknown_organization() -> None:
    with pytest.raises(UnknownOrganization):
        new(known=Facts(None, None, None))


@pytest.mark.parametrize("who", ["instructor", "student"])
@pytest.mark.parametrize(
    ("person", "code"),
    [
        (None, "unknown"),
        (Participant(frozenset({"admin"}), "active"), "unknown"),
        (Participant(frozenset({"instructor", "student"}), "archived"), "archived_person"),
    ],
)
def test_both_people_must_be_there_in_their_role(
    who: str, person: Participant | None, code: str
) -> None:
    with pytest.raises(PersonNotBookable) as refused:
        new(known=facts(**{who: person}))
    expected = code if code == "archived_person" else f"unknown_{who}"
    assert refused.value.code == f"booking.{expected}"
    assert refused.value.errors[0].pointer == f"/{who}_id"


@pytest.mark.parametrize(
    ("capacity", "policy"), [("admin", "block"), ("instructor", "warn"), ("instructor", "block")]
)
def test_only_admins_overlap_and_only_where_the_policy_warns(capacity: str, policy: str) -> None:
    with pytest.raises(OverlapNotAllowed):
        new(capacity, facts(conflict_policy=policy), allow_overlap=True)
    assert new("admin", facts(conflict_policy="warn"), allow_overlap=True).allow_overlap


actions = st.lists(st.sampled_from(list(domain.sessions.TRANSITIONS)), max_size=6)


@given(wanted=actions, is_request=st.booleans(), hours=st.integers(-5, 5))
def test_whatever_is_tried_versions_count_up_and_an_end_is_final(
    wanted: list[Any], is_request: bool, hours: int
) -> None:
    known = facts(students_may_book="request")
    session = new("student", known) if is_request else new(starts_at=NOW + timedelta(hours=hours))
    for action in wanted:
        before = session
        try:
            session = domain.act(session, action, "admin", None, NOW)
        except WrongStatus:
            assert session is before
            continue
        assert session.version == before.version + 1
        assert before.status in domain.OPEN
        assert (session.starts_at, session.ends_at) == (before.starts_at, before.ends_at)


def test_only_what_ends_a_session_keeps_the_reason() -> None:
    request = new("student", facts(students_may_book="request"))
    assert domain.act(request, "decline", "admin", "Full", NOW).reason == "Full"
    assert domain.act(request, "confirm", "admin", "Fine", NOW).reason is None


def test_an_admins_confirmation_counts_as_an_admins_booking() -> None:
    request = new("student", facts(students_may_book="request"))
    assert domain.act(request, "confirm", "admin", None, NOW).booked_by_admin
    assert not domain.act(request, "confirm", "instructor", None, NOW).booked_by_admin


changes = st.fixed_dictionaries(
    {},
    optional={
        "title": st.none() | st.text(max_size=3),
        "location": st.none() | st.just("Room 4"),
        "duration_minutes": st.integers(5, 720),
        "time_zone": st.sampled_from(["Europe/Berlin", "Asia/Tokyo"]),
        "starts_at": st.datetimes(datetime(2030, 2, 1), datetime(2031, 2, 1)).flatmap(  # noqa: DTZ001
            lambda naive: st.sampled_from([naive, naive.replace(tzinfo=UTC)])
        ),
    },
)


@given(wanted=changes)
def test_a_change_twice_is_a_change_once(wanted: dict[str, Any]) -> None:
    session = new(title="Algebra")
    try:
        once = domain.change(session, wanted, "admin", NOW)
    except ServiceError:
        return
    assert once.version == session.version + (once is not session)
    assert domain.change(once, wanted, "admin", NOW) is once
    minutes = wanted.get("duration_minutes", 60)
    assert once.ends_at - once.starts_at == timedelta(minutes=minutes)


def test_a_move_ends_the_right_to_overlap_unless_given_again() -> None:
    session = new("admin", facts(conflict_policy="warn"), allow_overlap=True)
    later = {"starts_at": NOW + timedelta(days=2)}
    assert not domain.change(session, later, "admin", NOW).allow_overlap
    assert domain.change(session, later, "admin", NOW, allow_overlap=True).allow_overlap
    assert domain.change(session, {"title": "x"}, "admin", NOW).allow_overlap
