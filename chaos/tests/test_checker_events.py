from __future__ import annotations

import importlib

import pytest

from chaos.checker.events import APPLIED_ONCE, EMPTY, SAME, SUBSCRIBED
from chaos.tests.story import Story, new_id

# What they hear of erasures, and import's own work queue, have no place in this history.
NOT_COUNTED = {("identity", "user_erased"), ("import", "import_step_due")}


@pytest.mark.parametrize("service", sorted(SUBSCRIBED))
def test_the_checker_knows_every_subscription(service: str) -> None:
    contract = importlib.import_module(f"{service}_service.events").CONTRACT
    declared = {(one.source, one.name) for one in contract.subscribes} - NOT_COUNTED
    known = {(source, name) for source, names in SUBSCRIBED[service].items() for name in names}

    assert known == declared


def test_an_event_that_a_subscriber_never_applied_is_found(story: Story) -> None:
    story.assign()
    story.final.inbox["messaging"].clear()

    assert story.broken == {APPLIED_ONCE}


def test_an_event_that_was_applied_twice_is_found(story: Story) -> None:
    story.assign()
    story.final.inbox["messaging"] *= 2

    assert story.broken == {APPLIED_ONCE}


def test_an_event_that_nobody_published_is_found(story: Story) -> None:
    story.final.inbox["booking"].append({"event_id": new_id(), "handler": "on", "received_at": 1})

    assert story.broken == {APPLIED_ONCE}


def test_an_action_that_is_twice_in_the_audit_log_is_found(story: Story) -> None:
    story.audit("user.created")

    assert story.broken == {APPLIED_ONCE}


def test_an_action_that_is_missing_in_the_audit_log_is_found(story: Story) -> None:
    story.final.audit.pop()

    assert story.broken == {APPLIED_ONCE}


def test_an_assignment_that_nobody_was_told_of_is_found(story: Story) -> None:
    story.assign()
    story.final.outbox["assignment"][0]["said"] = []

    assert story.broken == {APPLIED_ONCE}


def test_a_message_that_was_told_twice_is_found(story: Story) -> None:
    story.assign()
    story.send(story.converse())
    story.final.outbox["messaging"] *= 2

    assert story.broken == {APPLIED_ONCE}


@pytest.mark.parametrize("service", ["booking", "assignment"])
def test_a_copy_of_a_person_that_is_behind_is_found(story: Story, service: str) -> None:
    story.final.participants[service][0]["version"] = 0

    assert story.broken == {SAME}


@pytest.mark.parametrize("service", ["booking", "assignment"])
def test_a_person_whom_a_service_does_not_know_is_found(story: Story, service: str) -> None:
    story.final.participants[service].pop()

    assert story.broken == {SAME}


def test_a_conversation_that_stayed_open_is_found(story: Story) -> None:
    story.assign()
    story.converse()
    story.end()

    assert story.broken == {SAME}


def test_an_event_that_was_not_sent_is_found(story: Story) -> None:
    story.final.outbox["identity"][0]["is_sent"] = False

    assert story.broken == {EMPTY}


def test_a_message_left_in_a_queue_is_found(story: Story) -> None:
    story.final.queues["booking.on_identity_user_created"] = 1

    assert story.broken == {EMPTY}


def test_a_dead_letter_is_found(story: Story) -> None:
    story.final.queues["booking.dead-letters"] = 1
    story.final.dead_letters["booking"] = "id queue 5 attempts internal"

    assert story.broken == {EMPTY}
