from __future__ import annotations

import pytest

from chaos.checker.assignments import MADE_ONCE
from chaos.checker.calls import LATE_SECONDS, Calls
from chaos.checker.deadlines import IN_TIME
from chaos.checker.idempotency import NOTHING_HAPPENED, ONE_EFFECT
from chaos.checker.signing_in import REVOKED
from chaos.checker.tenancy import APART
from chaos.tests.story import Story, new_id


def test_an_answer_with_an_id_of_another_organization_is_found(story: Story) -> None:
    story.assign()
    conversation = story.converse()
    entry = story.did("list_conversations", {}, {"ids": [conversation["id"]]})
    assert story.broken == set()

    story.replace_entry(entry, organization=story.other)
    assert story.broken == {APART}


def test_an_answer_with_words_of_another_organization_is_found(story: Story) -> None:
    story.did("list_users", {}, {"marks": ["mark0000000a"]})
    assert story.broken == set()

    story.did("list_users", {}, {"marks": ["mark0000000b"]})
    assert story.broken == {APART}


def test_a_refusal_may_repeat_the_id_that_was_asked_for(story: Story) -> None:
    path = f"/users/{story.pair['student_id']}"
    answer = {"detail": path}
    more = {"outcome": "failed", "status": 404, "organization": story.other}
    story.did("read_foreign", {"path": path}, answer, **more)

    assert story.broken == set()


@pytest.mark.parametrize("operation", ["read_foreign", "change_foreign"])
def test_what_belongs_to_others_and_was_there_is_found(story: Story, operation: str) -> None:
    story.did(operation, {}, {})

    assert story.broken == {APART}


@pytest.mark.parametrize(("seconds", "broken"), [(5.9, set()), (6.1, {IN_TIME})])
def test_a_request_longer_than_its_deadline_is_found(
    story: Story, seconds: float, broken: set[str]
) -> None:
    entry = story.did("list_users", {}, {})
    story.replace_entry(entry, ended=entry.invoked + seconds)

    assert story.broken == broken


def test_a_request_that_nobody_answered_in_time_is_found(story: Story) -> None:
    entry = story.did("list_users", {}, {"error": "ReadTimeout"}, outcome="unknown", status=None)
    story.replace_entry(entry, ended=entry.invoked + 9)

    assert story.broken == {IN_TIME}


def test_a_stopped_gateway_can_not_answer_in_time(story: Story) -> None:
    entry = story.did("list_users", {}, {})
    story.replace_entry(entry, ended=entry.invoked + 9)
    story.fault("freeze", entry.invoked + 1, entry.invoked + 8, process="gateway")

    assert story.broken == set()


def test_an_upload_has_a_deadline_for_each_of_its_steps(story: Story) -> None:
    story.upload()
    entry = story.entries[-1]
    story.replace_entry(entry, ended=entry.invoked + 15)
    assert story.broken == set()

    story.replace_entry(story.entries[-1], ended=entry.invoked + 17)
    assert story.broken == {IN_TIME}


def test_one_key_with_two_answers_is_found(story: Story) -> None:
    key = new_id()
    story.did("cancel_session", {"session_id": "s"}, {"id": new_id()}, key=key)
    story.did("cancel_session", {"session_id": "s"}, {"id": new_id()}, key=key, attempt=2)

    assert story.broken == {ONE_EFFECT}


def test_a_token_that_is_good_after_it_was_revoked_is_found(story: Story) -> None:
    story.did("use_revoked_token", {}, {})

    assert story.broken == {REVOKED}


def test_a_refusal_says_nothing_of_what_is_still_under_way(story: Story) -> None:
    key = new_id()
    unknown = {"key": key, "outcome": "unknown", "status": None}
    story.did("book_session", {}, None, **unknown)
    story.did("book_session", {}, None, key=key, outcome="failed", status=409, attempt=2)
    (call,) = Calls(story.entries).of("book_session")
    assert call.verdict == "maybe"

    late = {"key": key, "outcome": "failed", "status": 409, "attempt": 3}
    story.did("book_session", {}, None, **late, invoked=9_000.0, ended=9_001.0)
    (call,) = Calls(story.entries).of("book_session")
    assert call.verdict == "refused"


@pytest.mark.parametrize(
    ("seconds_later", "broken"), [(1.1, set()), (7.9, set()), (8.1, {NOTHING_HAPPENED})]
)
def test_what_was_refused_is_no_proof_while_an_earlier_try_may_still_be_under_way(
    story: Story, seconds_later: float, broken: set[str]
) -> None:
    session = story.book()
    entry = story.entries[-1]
    lost = story.replace_entry(
        entry, outcome="unknown", status=None, answer=None, ended=entry.invoked + 5
    )
    began = lost.ended + seconds_later
    refused = {"outcome": "failed", "status": 409, "key": entry.key, "attempt": 2}
    story.did("book_session", entry.request, None, **refused, invoked=began, ended=began + 0.1)

    assert session in story.final.sessions
    assert story.broken - {MADE_ONCE} == broken


@pytest.mark.parametrize(("seconds_later", "broken"), [(-1.0, set()), (1.0, {NOTHING_HAPPENED})])
def test_what_was_refused_is_no_proof_while_whoever_was_at_work_on_it_stood_still(
    story: Story, seconds_later: float, broken: set[str]
) -> None:
    story.book()
    entry = story.entries[-1]
    lost = story.replace_entry(
        entry, outcome="unknown", status=None, answer=None, ended=entry.invoked + 5
    )
    thawed = lost.ended + 30
    story.fault("freeze-long", lost.invoked + 1, thawed, target="booking.1")
    began = thawed + LATE_SECONDS + seconds_later
    refused = {"outcome": "failed", "status": 409, "key": entry.key, "attempt": 2}
    story.did("book_session", entry.request, None, **refused, invoked=began, ended=began + 0.1)

    assert story.broken - {MADE_ONCE} == broken
