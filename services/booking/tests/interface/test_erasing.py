"""What becomes of the sessions of a person whom identity erased, and what is handed out about one."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.context import Actor
from chassis.errors import Conflict, Forbidden, Invalid, ServiceError
from chassis.testing import actor, wait_until

WORDS = {"title": "Fractions with Ada", "notes": "Ada is slow", "location": "Ada's kitchen"}


def send_erasure(school: Any, person_id: uuid.UUID, **more: Any) -> Any:
    person = school.people[str(person_id)]
    person.update(status="archived", version=person["version"] + 1)
    names = ("id", "roles", "status", "time_zone", "version")
    users = [{name: person[name] for name in names}]
    return school.event("identity", "user_erased", {"users": users, "new": 1}, **more)


def is_done(school: Any, event: Any) -> bool:
    return bool(school.service.sql("SELECT 1 FROM inbox WHERE event_id = %s", (str(event.id),)))


def erase(school: Any, person_id: uuid.UUID) -> Any:
    event = send_erasure(school, person_id)
    wait_until(lambda: is_done(school, event))
    return event


def move_into_the_past(school: Any, session: dict[str, Any]) -> None:
    school.service.sql(
        "UPDATE sessions SET starts_at = starts_at - interval '10 years',"
        " ends_at = ends_at - interval '10 years' WHERE id = %s RETURNING 1",
        (session["id"],),
    )


def seen(school: Any, session: dict[str, Any]) -> Any:
    return school.call("get_session", session_id=session["id"])


@pytest.mark.parametrize("who", [0, 1])
def test_coming_sessions_are_cancelled_and_all_words_are_gone(school: Any, who: int) -> None:
    pair = school.pair()
    past = school.book(pair, **WORDS)
    coming = school.book(pair, **WORDS)
    cancelled = school.book(pair, **WORDS)
    school.call("cancel_session", session_id=cancelled["id"], reason="Ada is ill")
    move_into_the_past(school, past)
    erase(school, pair[who])
    for session, status in ((past, "scheduled"), (coming, "cancelled"), (cancelled, "cancelled")):
        now = seen(school, session)
        assert now["status"] == status
        assert [now[word] for word in WORDS] == [None, None, None]
        assert (now["instructor_id"], now["student_id"]) == tuple(str(p) for p in pair)
        assert now["version"] > session["version"]
    assert school.events_of(past) == ["session_booked"]
    assert school.events_of(coming) == ["session_booked", "session_cancelled"]
    assert tables_with(school, "Ada") == set()


def tables_with(school: Any, word: str) -> set[str]:
    """The tables of which any row of the school says `word`."""
    names = school.service.sql(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'organization_id'"
    )
    statement = (
        'SELECT EXISTS (SELECT FROM "{}" AS row WHERE organization_id = %s'
        " AND strpos(row::text, %s) > 0)"
    )
    own = (str(school.id), word)
    return {name for (name,) in names if school.service.sql(statement.format(name), own)[0][0]}


def test_a_repeated_booking_answers_without_its_words(school: Any) -> None:
    pair, operation_id = school.pair(), uuid.uuid4()
    arguments = {"starts_at": "2034-05-01T09:00:00Z", "operation_id": operation_id, **WORDS}
    school.book(pair, **arguments)
    assert "operations" in tables_with(school, "Ada")
    erase(school, pair[1])
    again = school.book(pair, **arguments)
    assert school.service.last_replayed
    assert again["title"] is None


def test_other_peoples_sessions_keep_their_words(school: Any) -> None:
    pair, other = school.pair(), school.person("student")
    mine = school.book((pair[0], other), **WORDS)
    school.book(pair, **WORDS)
    erase(school, pair[1])
    now = seen(school, mine)
    assert (now["status"], now["title"]) == ("scheduled", WORDS["title"])


def test_nothing_is_written_into_the_sessions_of_an_erased_person_any_more(school: Any) -> None:
    pair = school.pair()
    past = school.book(pair)
    move_into_the_past(school, past)
    erase(school, pair[1])
    for method, arguments in (
        ("reschedule_session", {"changes": {"notes": "Ada again"}}),
        ("cancel_session", {"reason": "Ada again"}),
    ):
        with pytest.raises(Conflict, match=r"booking\.erased_person"):
            school.call(method, session_id=past["id"], **arguments)
    assert school.call("complete_session", session_id=past["id"])["status"] == "completed"


def test_nobody_books_an_erased_person(school: Any) -> None:
    pair = school.pair(assigned=True)
    late = {"users": [{**school.people[str(pair[1])], "status": "active"}]}
    erase(school, pair[1])
    event = school.event("identity", "user_restored", late)
    wait_until(lambda: is_done(school, event))
    with pytest.raises(Invalid, match=r"booking\.archived_person"):
        school.book(pair)


def test_a_person_erased_before_booking_heard_of_them_is_not_booked(school: Any) -> None:
    pair = school.pair()
    erase(school, pair[1])
    with pytest.raises(Invalid, match=r"booking\.archived_person"):
        school.book(pair)


def test_an_erasure_told_twice_or_anew_does_no_harm(school: Any) -> None:
    pair = school.pair()
    session = school.book(pair, **WORDS)
    event = erase(school, pair[1])
    version = seen(school, session)["version"]
    school.service.publish_to_it(event)
    erase(school, pair[1])
    assert seen(school, session)["version"] == version
    assert school.events_of(session).count("session_cancelled") == 1


def test_bookings_and_changes_that_race_an_erasure_leave_no_words(school: Any) -> None:
    pair = school.pair()
    past = school.book(pair)
    move_into_the_past(school, past)
    refused = threading.Event()

    def keep_booking() -> None:
        while not refused.is_set():
            try:
                school.book(pair, **WORDS)
            except Invalid:
                refused.set()

    def keep_writing() -> None:
        while not refused.is_set():
            try:
                school.call("reschedule_session", session_id=past["id"], changes=dict(WORDS))
            except ServiceError:
                return

    with ThreadPoolExecutor(4) as pool:
        racing = [pool.submit(work) for work in (keep_booking, keep_writing) * 2]
        erase(school, pair[1])
        for one in racing:
            one.result(20)
    assert tables_with(school, "Ada") == set()
    open_ones = school.service.sql(
        "SELECT 1 FROM sessions WHERE student_id = %s AND starts_at > now() AND status <> 'cancelled'",
        (str(pair[1]),),
    )
    assert open_ones == []


def test_an_erasure_touches_no_other_organization(school: Any) -> None:
    pair = school.pair()
    session = school.book(pair, **WORDS)
    users = [{"id": str(pair[1]), "roles": ["student"], "status": "archived", "version": 9}]
    stranger = actor("owner")
    event = school.event("identity", "user_created", {"users": []})
    other = type(event)(
        id=uuid.uuid4(),
        source="identity",
        name="user_erased",
        time=datetime.now(UTC),
        subject=str(pair[1]),
        organization_id=stranger.organization_id,
        data={"users": users},
    )
    school.service.publish_to_it(other)
    wait_until(lambda: is_done(school, other))
    assert seen(school, session)["title"] == WORDS["title"]


def test_owners_learn_whether_it_is_done(school: Any) -> None:
    owner = actor("owner", organization_id=school.id)
    pair = school.pair()
    assert school.call("erasure", by=owner, user_id=pair[1]) == {"erased_at": None}
    erase(school, pair[1])
    assert school.call("erasure", by=owner, user_id=pair[1])["erased_at"]
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        school.call("erasure", user_id=pair[1])


def exported(school: Any, person_id: uuid.UUID, by: Actor) -> dict[str, list[Any]]:
    files: dict[str, list[Any]] = {}
    cursor = None
    while True:
        page = school.call("export_person", by=by, user_id=person_id, cursor=cursor)
        files.setdefault(page["file"], []).extend(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return files


def test_an_export_holds_a_persons_sessions_with_all_words(school: Any) -> None:
    pair = school.pair(assigned=True)
    first = school.book(pair, **WORDS)
    second = school.book(pair)
    school.call("cancel_session", session_id=second["id"], reason="Rain")
    school.book((pair[0], school.person("student")))
    files = exported(school, pair[1], school.as_person(pair[1]))
    assert [one["id"] for one in files["sessions"]] == [first["id"], second["id"]]
    assert {word: files["sessions"][0][word] for word in WORDS} == WORDS
    assert files["sessions"][1]["reason"] == "Rain"
    assert [one["id"] for one in files["booking_standing"]] == [str(pair[1])]
    assert (
        len(exported(school, pair[0], actor("owner", organization_id=school.id))["sessions"]) == 3
    )
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        exported(school, pair[0], school.as_person(pair[1]))


def test_an_export_of_many_sessions_is_complete_and_in_order(school: Any) -> None:
    pair = school.pair()
    session = school.book(pair)
    school.service.sql(
        """
        INSERT INTO sessions SELECT (jsonb_populate_record(one, jsonb_build_object(
                   'id', gen_random_uuid(), 'starts_at', starts_at + number * interval '1 day',
                   'ends_at', ends_at + number * interval '1 day'))).*
          FROM sessions AS one, generate_series(1, 430) AS number WHERE one.id = %s
        RETURNING 1
        """,
        (session["id"],),
    )
    found = exported(school, pair[1], school.as_person(pair[1]))["sessions"]
    assert len(found) == 431
    starts = [datetime.fromisoformat(one["starts_at"]) for one in found]
    assert starts == sorted(starts)
    assert starts[-1] - starts[0] == timedelta(days=430)


@pytest.mark.parametrize("cursor", ["", "x", "WzksbnVsbF0", "WzAsWyJ4IiwieSJdXQ"])
def test_a_broken_cursor_of_an_export_is_named(school: Any, cursor: str) -> None:
    owner = actor("owner", organization_id=school.id)
    with pytest.raises(Invalid) as refused:
        school.call("export_person", by=owner, user_id=uuid.uuid4(), cursor=cursor)
    assert [e.pointer for e in refused.value.errors] == ["/cursor"]
