from __future__ import annotations

import pytest

from chaos.checker.idempotency import ONE_EFFECT
from chaos.checker.messages import ONLY_ASSIGNED, STANDS
from chaos.tests.story import Story, new_id


def test_messages_of_an_assigned_pair_break_nothing(story: Story) -> None:
    story.assign()
    conversation = story.converse()
    story.send(conversation)
    story.send(conversation)
    story.end()
    conversation["status"] = "closed"

    assert story.broken == set()


def test_a_message_that_is_gone_is_found(story: Story) -> None:
    story.assign()
    story.final.messages.remove(story.send(story.converse()))

    assert STANDS in story.broken


def test_a_message_in_other_words_is_found(story: Story) -> None:
    story.assign()
    story.send(story.converse())["body"] += "!"

    assert story.broken == {STANDS}


def test_a_message_that_is_there_twice_is_found(story: Story) -> None:
    story.assign()
    conversation = story.converse()
    message = story.send(conversation)
    story.final.messages.append({**message, "id": new_id(), "sequence": 2})
    conversation["last_sequence"] = 2

    assert ONE_EFFECT in story.broken


def test_a_gap_in_a_conversation_is_found(story: Story) -> None:
    story.assign()
    conversation = story.converse()
    story.send(conversation)
    conversation["last_sequence"] = 2

    assert story.broken == {STANDS}


def test_a_message_of_a_pair_that_was_never_assigned_is_found(story: Story) -> None:
    story.send(story.converse())
    story.final.conversations[0]["status"] = "closed"

    assert story.broken == {ONLY_ASSIGNED}


@pytest.mark.parametrize(("after", "broken"), [(4.9, set()), (5.3, {ONLY_ASSIGNED})])
def test_what_was_allowed_just_before_the_end_may_be_stored_until_its_deadline(
    story: Story, after: float, broken: set[str]
) -> None:
    story.assign()
    story.end()
    conversation = story.converse()
    conversation["status"] = "closed"
    ended_at = story.final.assignments[0]["ended_at"]
    story.send(conversation)["sent_at"] = ended_at + after

    assert story.broken == broken


def test_a_message_by_a_clock_that_was_wrong_is_judged_by_when_it_was_asked_for(
    story: Story,
) -> None:
    story.assign()
    story.send(story.converse())["sent_at"] += 3600
    story.end()
    story.final.conversations[0]["status"] = "closed"
    assert story.broken == {ONLY_ASSIGNED}

    story.fault("database-clock", 1.0, 2.0, off_by=3600.0)
    assert story.broken == set()


def test_a_message_that_took_long_while_a_clock_was_behind_may_have_been_sent_after_its_time(
    story: Story,
) -> None:
    conversation = story.converse()
    row = story.send(conversation)
    assigned = story.assign()
    sent = next(entry for entry in story.entries if entry.operation == "send_message")
    story.replace_entry(sent, ended=assigned.ended + 2)
    row["sent_at"] = assigned.invoked - 1.5
    assert ONLY_ASSIGNED in story.broken

    story.fault("database-clock", sent.invoked, assigned.ended + 2, off_by=-2.0)
    assert ONLY_ASSIGNED not in story.broken


def test_an_end_by_a_clock_that_was_wrong_may_have_been_later(story: Story) -> None:
    story.assign()
    conversation = story.converse()
    conversation["status"] = "closed"
    message = story.send(conversation)
    story.end()
    ended = story.entries[-1]
    story.final.assignments[0]["ended_at"] = message["sent_at"] - 10
    assert story.broken == {ONLY_ASSIGNED}

    off_by = message["sent_at"] - 10 - ended.invoked
    story.fault("clock-step", ended.invoked - 1, ended.ended, off_by=off_by)
    assert story.broken == set()


def test_an_end_by_a_clock_behind_the_beginning_was_when_it_was_asked_for(story: Story) -> None:
    story.assign()
    conversation = story.converse()
    conversation["status"] = "closed"
    for _ in range(6):
        story.send(conversation)
    ended = story.end()
    (assignment,) = story.final.assignments
    assignment["ended_at"] = assignment["assigned_at"]
    assert story.broken == {ONLY_ASSIGNED}

    story.fault("clock-jump", ended.invoked - 0.1, ended.ended, off_by=-3600.0)
    assert story.broken == set()


def test_a_conversation_that_is_gone_is_found(story: Story) -> None:
    story.final.conversations.remove(story.converse())

    assert story.broken == {STANDS}


def test_a_message_without_its_conversation_is_found(story: Story) -> None:
    story.assign()
    story.send(story.converse())
    story.final.conversations.clear()
    story.entries = [one for one in story.entries if one.operation != "open_conversation"]

    assert story.broken == {STANDS}


def test_a_read_position_that_was_lost_is_found(story: Story) -> None:
    story.assign()
    conversation = story.converse()
    message = story.send(conversation)
    request = {"by": story.pair["instructor_id"], "conversation_id": conversation["id"]}
    story.did("mark_read", {**request, "body": {"message_id": message["id"]}}, None)
    assert story.broken == {STANDS}

    conversation["instructor_read"] = 1
    assert story.broken == set()
