"""One slot, many callers at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from .client import Answer, Api, Organization, Person, session, sign_up
from .system import RunningSystem

ROUNDS = 50
CALLERS = 20


@pytest.fixture(scope="module")
def busy_organization(shared_system: RunningSystem) -> Organization:
    """One for all rounds; each round has an hour of its own."""
    return sign_up(shared_system.url)


def at_once(actions: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Runs all actions from threads that start together."""
    start = Barrier(len(actions))

    def run(action: Callable[[], Answer]) -> Answer:
        start.wait(30)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def booking(api: Api, instructor: Person, student: Person, number: int) -> Callable[[], Answer]:
    """One caller's action. The round is about the slot: no need to wait for the assignment."""
    return posting(api, session(instructor, student, number), {"Prefer": "wait=0"})


def posting(api: Api, body: dict[str, Any], headers: dict[str, str]) -> Callable[[], Answer]:
    """A booking that is made when it is called."""
    return lambda: api.post("/sessions", body, headers=headers)


def assert_one_winner(answers: Sequence[Answer]) -> None:
    """One 201; the others are told what is in their way."""
    assert Counter(answer.status for answer in answers) == {201: 1, 409: len(answers) - 1}
    for answer in answers:
        if answer.status == 409:
            assert answer.code == "booking.conflict"
            assert answer.body["conflicts"], answer.body


def test_twenty_parallel_bookings_of_one_slot_give_it_to_one(
    busy_organization: Organization,
) -> None:
    instructor = busy_organization.add_instructor()
    students = [busy_organization.add_student() for _ in range(CALLERS)]
    callers = [busy_organization.admin for _ in students]
    for number in range(ROUNDS):
        actions = [
            booking(api, instructor, student, number)
            for api, student in zip(callers, students, strict=True)
        ]
        assert_one_winner(at_once(actions))


def test_one_student_is_not_booked_with_two_instructors_at_once(
    busy_organization: Organization,
) -> None:
    student = busy_organization.add_student()
    instructors = [busy_organization.add_instructor() for _ in range(CALLERS)]
    callers = [busy_organization.admin for _ in instructors]
    for number in range(ROUNDS):
        actions = [
            booking(api, instructor, student, number)
            for api, instructor in zip(callers, instructors, strict=True)
        ]
        assert_one_winner(at_once(actions))


def test_one_idempotency_key_sent_twice_at_once_books_once(
    busy_organization: Organization,
) -> None:
    instructor, student = busy_organization.pair()
    callers = [busy_organization.admin for _ in range(4)]
    for number in range(10):
        body = session(instructor, student, number)
        headers = {"Idempotency-Key": f"race-{instructor.id}-{number}"}
        answers = at_once([posting(api, body, headers) for api in callers])
        booked = [answer for answer in answers if answer.status == 201]
        assert booked
        assert len({answer.body["id"] for answer in booked}) == 1
        others = {answer.code for answer in answers if answer.status != 201}
        assert others <= {"idempotency.in_progress"}
    found = busy_organization.admin.items("/sessions", instructor_id=instructor.id)
    assert len(found) == 10


def test_twenty_parallel_assignments_of_one_pair_make_one(
    busy_organization: Organization,
) -> None:
    instructor, student = busy_organization.pair()
    path = f"/students/{student.id}/instructors/{instructor.id}"
    callers = [busy_organization.admin for _ in range(CALLERS)]
    answers = at_once([lambda api=api: api.put(path) for api in callers])  # type: ignore[misc]
    assert Counter(answer.status for answer in answers) == {201: 1, 200: CALLERS - 1}
    assert len({answer.body["id"] for answer in answers}) == 1
