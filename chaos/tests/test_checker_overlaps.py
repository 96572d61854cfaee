from __future__ import annotations

from typing import Any

import pytest

from chaos.checker.overlaps import ON_PURPOSE
from chaos.checker.sessions import NO_OVERLAP
from chaos.final import Row
from chaos.tests.story import Story


def warns(story: Story) -> None:
    story.did("change_organization", {"method": "PATCH", "body": {"conflict_policy": "warn"}}, {})


def asks_to_overlap(story: Story, **more: Any) -> None:
    """Has the last booking asked for it."""
    entry = next(one for one in reversed(story.entries) if one.operation == "book_session")
    body = {**entry.request["body"], "allow_overlap": True}
    story.replace_entry(entry, request={**entry.request, "body": body, **more})


def overlapping(story: Story, first: Row) -> Row:
    """A second session at the time of the first."""
    second = story.book()
    second |= {"starts_at": first["starts_at"], "ends_at": first["ends_at"]}
    booked = story.entries[-1]
    moment = start_of(story, first)
    story.replace_entry(
        booked,
        request={**booked.request, "body": {**booked.request["body"], "starts_at": moment}},
        answer={**(booked.answer or {}), "starts_at": moment},
    )
    return second


def start_of(story: Story, session: Row) -> str:
    answers = [entry.answer or {} for entry in story.entries]
    return str(next(one["starts_at"] for one in answers if one.get("id") == session["id"]))


def test_an_overlap_that_an_administrator_allowed_breaks_nothing(story: Story) -> None:
    warns(story)
    second = overlapping(story, story.book())
    asks_to_overlap(story)
    second["allow_overlap"] = True

    assert story.broken == set()


def test_an_overlap_that_nobody_allowed_is_found(story: Story) -> None:
    warns(story)
    overlapping(story, story.book())["allow_overlap"] = True

    assert story.broken == {ON_PURPOSE}


def test_a_wish_to_overlap_that_was_forgotten_is_found(story: Story) -> None:
    warns(story)
    story.book()
    asks_to_overlap(story)

    assert story.broken == {ON_PURPOSE}


def test_an_overlap_where_the_policy_is_to_block_is_found(story: Story) -> None:
    story.book()["allow_overlap"] = True
    asks_to_overlap(story)

    assert story.broken == {ON_PURPOSE}


@pytest.mark.parametrize(("role", "broken"), [("admin", set()), ("instructor", {ON_PURPOSE})])
def test_only_administrators_may_let_a_moved_session_overlap(
    story: Story, role: str, broken: set[str]
) -> None:
    warns(story)
    session = story.book()
    body = {"starts_at": "2040-01-01T00:00:00+00:00", "allow_overlap": True}
    request = {"method": "PATCH", "session_id": session["id"], "role": role, "body": body}
    story.did("reschedule_session", request, {"id": session["id"]})
    session |= {"starts_at": 2208988800.0, "ends_at": 2208992400.0, "allow_overlap": True}

    assert story.broken == broken


def test_an_ordinary_session_over_one_that_overlaps_on_purpose_is_found(story: Story) -> None:
    warns(story)
    first = story.book()
    asks_to_overlap(story)
    first["allow_overlap"] = True
    overlapping(story, first)

    assert story.broken == {NO_OVERLAP}
