from __future__ import annotations

import pytest

from chaos.checker.assignments import ONE_EACH
from chaos.checker.idempotency import NOTHING_HAPPENED, ONE_EFFECT
from chaos.checker.sessions import ENDED_WITH_SESSIONS, NO_OVERLAP, STANDS
from chaos.tests.story import Story


def test_bookings_that_stand_break_nothing(story: Story) -> None:
    first, second = story.book(), story.book()
    story.act("cancel_session", first)
    first["status"] = "cancelled"
    second |= {"starts_at": first["starts_at"], "ends_at": first["ends_at"]}
    moment = story.entries[-3].answer["starts_at"]  # type: ignore[index]
    story.did(
        "reschedule_session",
        {"method": "PATCH", "session_id": second["id"], "body": {"starts_at": moment}},
        {"id": second["id"]},
    )

    assert story.broken == set()


def test_a_booked_session_that_is_gone_is_found(story: Story) -> None:
    story.final.sessions.remove(story.book())

    assert story.broken == {STANDS}


def test_a_session_that_came_back_after_it_was_cancelled_is_found(story: Story) -> None:
    story.act("cancel_session", story.book())

    assert story.broken == {STANDS}


def test_a_session_that_nobody_cancelled_is_found_cancelled(story: Story) -> None:
    story.book()["status"] = "cancelled"

    assert story.broken == {STANDS}


@pytest.mark.parametrize("status", ["scheduled", "cancelled"])
def test_a_cancellation_of_which_nothing_is_known_allows_both(story: Story, status: str) -> None:
    session = story.book()
    story.act("cancel_session", session, outcome="unknown", status=503)
    session["status"] = status

    assert story.broken == set()


def test_a_move_that_was_undone_is_found(story: Story) -> None:
    session = story.book()
    request = {
        "method": "PATCH",
        "session_id": session["id"],
        "body": {"starts_at": "2040-01-01T00:00:00+00:00"},
    }
    story.did("reschedule_session", request, {"id": session["id"]})

    assert story.broken == {STANDS}


def test_two_sessions_of_one_person_at_one_time_are_found(story: Story) -> None:
    first, second = story.book(), story.book()
    moved = {"starts_at": first["starts_at"] + 600, "ends_at": first["ends_at"] + 600}
    request = {
        "method": "PATCH",
        "session_id": second["id"],
        "body": {"starts_at": moved["starts_at"]},
    }
    second |= moved
    request["body"] = {"starts_at": "2033-05-18T03:43:20+00:00"}
    story.did("reschedule_session", request, {"id": second["id"]})

    assert story.broken == {NO_OVERLAP}


def test_a_session_made_twice_by_one_key_is_found(story: Story) -> None:
    session = story.book()
    story.final.sessions.append({**session, "id": "another", "starts_at": 0.0, "ends_at": 1.0})

    assert story.broken == {ONE_EFFECT}


def test_a_session_of_a_refused_booking_is_found(story: Story) -> None:
    story.book("instructor")
    story.replace_entry(story.entries[-1], outcome="failed", status=409, answer={})

    assert story.broken == {NOTHING_HAPPENED}


def test_a_booking_of_which_nothing_is_known_may_be_there(story: Story) -> None:
    story.book("instructor")
    story.replace_entry(story.entries[-1], outcome="unknown", status=None, answer=None)

    assert story.broken == set()


def test_a_session_that_outlives_the_end_that_was_to_cancel_it_is_found(story: Story) -> None:
    story.book()
    story.end("cancel")

    assert story.broken == {ENDED_WITH_SESSIONS}


def test_a_session_cancelled_with_its_assignment_is_as_it_should_be(story: Story) -> None:
    session = story.book()
    story.end("cancel")
    session["status"] = "cancelled"

    assert story.broken == set()


def test_an_administrators_booking_without_an_assignment_is_found(story: Story) -> None:
    story.book()
    story.final.assignments.clear()

    assert ONE_EACH in story.broken
