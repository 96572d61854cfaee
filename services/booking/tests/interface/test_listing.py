"""Lists of sessions."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import Invalid

START = datetime(2034, 1, 1, 8, tzinfo=UTC)


def ids(page: Any) -> list[str]:
    return [session["id"] for session in page["items"]]


def week(school: Any, pair: Any, count: int = 7) -> list[str]:
    days = [START + timedelta(days=n) for n in range(count)]
    found = [school.book(pair, starts_at=day)["id"] for day in reversed(days)]
    return found[::-1]


def test_sessions_come_by_start_in_pages(school: Any) -> None:
    expected = week(school, school.pair())
    seen: list[str] = []
    cursor = None
    while True:
        page = school.call("list_sessions", limit=3, cursor=cursor)
        seen += ids(page)
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == expected


def test_sessions_with_one_start_lose_nothing_between_pages(school: Any) -> None:
    expected = {school.book(school.pair(), starts_at=START)["id"] for _ in range(5)}
    first = school.call("list_sessions", limit=2)
    second = school.call("list_sessions", limit=3, cursor=first["next_cursor"])
    assert set(ids(first)) | set(ids(second)) == expected
    assert second["next_cursor"] is None


def test_a_time_range_includes_its_start_and_excludes_its_end(school: Any) -> None:
    expected = week(school, school.pair())
    page = school.call(
        "list_sessions",
        **{
            "from": (START + timedelta(days=1)).isoformat(),
            "to": (START + timedelta(days=3)).isoformat(),
        },
    )
    assert ids(page) == expected[1:3]


def test_filters_are_combined(school: Any) -> None:
    one, other = school.pair(), school.pair()
    mine, theirs = week(school, one, 2), week(school, other, 2)
    school.call("cancel_session", session_id=mine[0])
    assert ids(school.call("list_sessions", instructor_id=one[0])) == mine
    assert ids(school.call("list_sessions", student_id=other[1])) == theirs
    assert ids(school.call("list_sessions", instructor_id=one[0], student_id=other[1])) == []
    cancelled = school.call("list_sessions", instructor_id=one[0], status="cancelled")
    assert ids(cancelled) == mine[:1]


def test_people_see_only_sessions_of_their_own(school: Any) -> None:
    both = school.person("instructor", "student")
    teaching = school.book((both, school.person("student")), starts_at=START)
    learning = school.book(
        (school.person("instructor"), both), starts_at=START + timedelta(hours=3)
    )
    week(school, school.pair(), 2)
    page = school.call("list_sessions", by=school.as_person(both))
    assert ids(page) == [teaching["id"], learning["id"]]
    first = school.call("list_sessions", by=school.as_person(both), limit=1)
    second = school.call(
        "list_sessions", by=school.as_person(both), limit=1, cursor=first["next_cursor"]
    )
    assert ids(first) + ids(second) == ids(page)


def test_a_filter_does_not_widen_what_a_person_sees(school: Any) -> None:
    pair = school.pair()
    week(school, pair, 1)
    stranger = school.as_person(school.person("student"))
    assert ids(school.call("list_sessions", by=stranger, instructor_id=pair[0])) == []


def test_another_organization_sees_nothing(school: Any) -> None:
    pair = school.pair()
    week(school, pair, 1)
    foreign = type(school)(school.service).admin
    assert ids(school.call("list_sessions", by=foreign)) == []
    assert ids(school.call("list_sessions", by=foreign, instructor_id=pair[0])) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "yesterday"),
        ("from", "2034-01-01T00:00:00"),
        ("to", 5),
        ("instructor_id", "x"),
        ("student_id", 3),
        ("status", "gone"),
        ("status", ["pending"]),
        ("limit", 0),
        ("limit", 201),
        ("limit", "5"),
        ("cursor", "x"),
        ("cursor", "é"),
        ("cursor", "bm9uc2Vuc2U"),
        ("cursor", "WzEsMl0"),
        ("cursor", "WyIyMDM0LTAxLTAxVDAwOjAwOjAwIiwieCJd"),
        ("cursor", "x" * 600),
        ("extra", 1),
    ],
)
def test_a_malformed_filter_is_named(school: Any, name: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        school.call("list_sessions", **{name: value})
    assert [error.pointer for error in refused.value.errors] == [f"/{name}"]


def test_the_pairs_coming_sessions_are_counted_and_cancelled(school: Any) -> None:
    pair = school.pair()
    coming = week(school, pair, 3)
    gone = school.book(pair, starts_at=datetime.now(UTC) - timedelta(days=1))
    other = school.book((pair[0], school.person("student")), starts_at=START + timedelta(days=99))
    arguments = {"instructor_id": pair[0], "student_id": pair[1]}
    assert school.call("count_future_sessions", **arguments) == {"count": 3}
    operation_id = uuid.uuid4()
    for _ in range(2):
        answer = school.call("cancel_future_sessions", operation_id=operation_id, **arguments)
        assert answer == {"cancelled": 3}
    assert school.call("count_future_sessions", **arguments) == {"count": 0}
    assert ids(school.call("list_sessions", status="cancelled")) == coming
    for session in (gone, other):
        assert school.call("get_session", session_id=session["id"])["status"] == "scheduled"
    for session_id in coming:
        assert school.events_of({"id": session_id}) == ["session_booked", "session_cancelled"]
