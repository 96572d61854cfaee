from __future__ import annotations

import pytest

from chaos.checker.assignments import MADE_ONCE
from chaos.checker.events import APPLIED_ONCE
from chaos.checker.idempotency import ONE_EFFECT
from chaos.checker.people import STANDS
from chaos.checker.uploads import ADDS_UP, ONCE
from chaos.tests.story import Story, new_id


def test_somebody_who_was_added_and_is_gone_is_found(story: Story) -> None:
    user_id = story.person()
    story.final.users = [user for user in story.final.users if user["id"] != user_id]

    assert story.broken == {STANDS}


def change(
    story: Story, operation: str, user_id: str, body: dict[str, str], **more: object
) -> None:
    request = {"method": "PATCH", "user_id": user_id, "body": body}
    story.did(operation, request, {"id": user_id}, **more)


def test_a_change_that_was_lost_is_found(story: Story) -> None:
    user_id = story.person()
    change(story, "change_person", user_id, {"phone": "1"})
    assert story.broken == {STANDS}

    story.final.users[-1]["phone"] = "1"
    assert story.broken == set()


def test_a_change_that_was_replaced_and_came_back_is_found(story: Story) -> None:
    user_id = story.person()
    change(story, "change_person", user_id, {"phone": "1"})
    change(story, "change_person", user_id, {"phone": "2"})
    story.final.users[-1]["phone"] = "1"

    assert story.broken == {STANDS}


@pytest.mark.parametrize("phone", ["1", "2"])
def test_of_two_changes_at_the_same_time_either_may_stand(story: Story, phone: str) -> None:
    user_id = story.person()
    change(story, "change_person", user_id, {"phone": "1"})
    story.replace_entry(story.entries[-1], ended=story.entries[-1].ended + 3)
    change(story, "change_person", user_id, {"phone": "2"})
    story.final.users[-1]["phone"] = phone

    assert story.broken == set()


def test_somebody_who_was_restored_and_is_archived_is_found(story: Story) -> None:
    user_id = story.person()
    change(story, "archive_person", user_id, {})
    change(story, "restore_person", user_id, {})
    assert story.broken == set()

    for person in (story.final.users[-1], story.final.participants["booking"][-1]):
        person["status"] = "archived"
    story.final.participants["assignment"][-1]["is_archived"] = True
    assert story.broken == {STANDS}


def test_an_upload_that_was_carried_out_breaks_nothing(story: Story) -> None:
    story.upload(rows=3)

    assert story.broken == set()


@pytest.mark.parametrize("status", ["applying", "failed", "planned"])
def test_an_upload_that_never_came_to_its_end_is_found(story: Story, status: str) -> None:
    story.upload()["status"] = status

    assert story.broken == {STANDS}


@pytest.mark.parametrize("spoiled", ["rows", "lines", "create", "invalid"])
def test_rows_that_do_not_add_up_are_found(story: Story, spoiled: str) -> None:
    story.upload()
    story.final.import_rows[0][spoiled] += 1

    assert story.broken == {ADDS_UP}


def test_rows_that_were_counted_wrong_are_found(story: Story) -> None:
    story.upload()["counts"]["invalid"] = 1

    assert story.broken == {ADDS_UP}


def test_rows_that_were_not_applied_are_found(story: Story) -> None:
    story.upload()
    story.final.import_rows[0]["unapplied"] = 1

    assert story.broken == {ADDS_UP}


def test_somebody_whom_two_rows_created_is_found(story: Story) -> None:
    story.upload()
    story.final.created_by_imports.append(story.final.created_by_imports[0])

    assert story.broken == {ONCE}


def test_somebody_whom_no_row_created_is_found(story: Story) -> None:
    story.upload()
    story.final.created_by_imports.pop()

    assert story.broken == {ONCE}


def test_a_file_that_was_taken_twice_is_found(story: Story) -> None:
    story.final.imports.append({**story.upload(), "id": new_id()})

    assert story.broken == {ONE_EFFECT}


def test_an_address_of_two_people_is_found(story: Story) -> None:
    user_id = story.person()
    other = story.person()
    story.final.users[-1]["email"] = story.final.users[-2]["email"]
    entry = story.entries[-1]
    story.replace_entry(
        entry, request={"body": {**entry.request["body"], "email": f"{user_id}@example.org"}}
    )

    assert story.broken == {ONCE}
    assert other != user_id


def test_a_pair_that_a_file_assigned_and_is_not_is_found(story: Story) -> None:
    story.upload()
    story.final.assignments[0]["ended_at"] = story.final.assignments[0]["assigned_at"]

    assert story.broken == {STANDS, APPLIED_ONCE}


def test_a_pair_that_another_file_ended_is_as_it_should_be(story: Story) -> None:
    story.upload()
    row, told = story.final.assignments[0], story.final.import_pairs[0]
    row["ended_at"] = row["assigned_at"]
    story.event("assignment", "assignment_ended", row["ended_at"], [row])
    story.audit("assignment.ended", [row])
    story.final.import_pairs.append({**told, "outcome": "ended"})

    assert story.broken == set()


def test_a_pair_that_a_file_assigned_twice_is_found(story: Story) -> None:
    story.upload()
    told = story.final.import_pairs[0]
    story.final.import_pairs[0] = {**told, "outcome": "already_assigned"}

    assert story.broken == {MADE_ONCE}
