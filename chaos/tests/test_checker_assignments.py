from __future__ import annotations

import pytest

from chaos.checker.assignments import IN_TIME, MADE_ONCE, ONE_EACH, STANDS, STAYS_ENDED
from chaos.tests.story import Story, new_id


def test_assignments_that_come_and_go_break_nothing(story: Story) -> None:
    story.assign()
    story.end()
    story.book()
    story.end()
    story.assign()

    assert story.broken == set()


def test_an_assignment_by_hand_that_is_gone_is_found(story: Story) -> None:
    story.assign()
    story.final.assignments[0]["ended_at"] = story.entries[-1].ended

    assert STANDS in story.broken


def test_an_end_of_which_nothing_is_known_explains_it(story: Story) -> None:
    story.assign()
    story.end(outcome="unknown", status=None)

    assert story.broken == set()


def test_an_assignment_that_came_back_after_its_end_is_found(story: Story) -> None:
    story.book()
    story.end()
    story.assigned("booking", story.entries[-1].ended + 1)

    assert story.broken == {STAYS_ENDED, MADE_ONCE}


def test_by_a_clock_that_was_wrong_a_booking_may_be_later_than_the_end(story: Story) -> None:
    story.book()
    story.book()
    story.end()
    story.assigned("booking", story.entries[-1].ended + 1)
    assert story.broken == {STAYS_ENDED}

    end = story.entries[-1]
    story.fault("clock-step", end.invoked - 1, end.ended, off_by=2.0)
    assert story.broken == set()


def test_two_active_assignments_of_a_pair_are_found(story: Story) -> None:
    story.book()
    story.final.assignments.append({**story.final.assignments[0], "id": new_id()})

    assert ONE_EACH in story.broken


def test_an_assignment_that_was_made_twice_is_found(story: Story) -> None:
    story.book()
    story.end()
    first = story.final.assignments[0]
    story.final.assignments.append({**first, "id": new_id()})

    assert MADE_ONCE in story.broken


def test_instructors_chosen_with_a_student_are_found_missing(story: Story) -> None:
    key = new_id()
    body = {"email": f"{key}@example.org", "first_name": "Sam"}
    chosen = {"id": new_id(), **story.pair}
    answer = {"id": new_id(), "assignments": [chosen]}
    entry = story.did("create_student", {"body": body}, answer, key=key)
    story.add_user(answer["id"], "student", body, entry.invoked)  # type: ignore[arg-type]
    assert story.broken == {STANDS}

    story.assigned("student_creation", entry.invoked)["id"] = chosen["id"]
    assert story.broken == set()


@pytest.mark.parametrize(("status", "broken"), [("pending", set()), ("active", {STANDS})])
def test_a_choice_that_still_waited_may_be_overtaken_by_an_assignment_by_hand(
    story: Story, status: str, broken: set[str]
) -> None:
    key = new_id()
    body = {"email": f"{key}@example.org", "first_name": "Sam"}
    chosen = {"id": new_id(), **story.pair, "status": status}
    answer = {"id": new_id(), "assignments": [chosen]}
    entry = story.did("create_student", {"body": body}, answer, key=key)
    story.add_user(answer["id"], "student", body, entry.invoked)  # type: ignore[arg-type]
    story.assign()

    assert story.broken == broken


def test_a_booking_that_assigned_too_late_is_found(story: Story) -> None:
    story.book()
    story.final.inbox["assignment"][-1]["received_at"] += 6.0

    assert story.broken == {IN_TIME}


def test_a_booking_that_assigned_5_s_after_the_recovery_is_in_time(story: Story) -> None:
    story.book()
    row = story.final.inbox["assignment"][-1]
    story.fault("kill", row["received_at"] - 1, row["received_at"] + 20, process="assignment.1")
    row["received_at"] += 24.0

    assert story.broken == set()


def test_pairs_assigned_together_are_found_missing(story: Story) -> None:
    results = [{**story.pair, "outcome": "assigned"}]
    story.did("assign_many", {"pairs": [story.pair]}, {"results": results})

    assert story.broken == {STANDS}


def test_a_pair_that_could_not_be_assigned_with_others_is_not_missed(story: Story) -> None:
    results = [{**story.pair, "outcome": "archived_person"}]
    story.did("assign_many", {"pairs": [story.pair]}, {"results": results})

    assert story.broken == set()
