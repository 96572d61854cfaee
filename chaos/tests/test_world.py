from __future__ import annotations

import random
import threading
import time

import pytest

from chaos.clients.operations import ADMINS, BY_ROLE, INSTRUCTORS, STUDENTS
from chaos.clients.pace import Pace
from chaos.clients.world import REMEMBERED, KnownSession, Organization, Pair, Person


@pytest.fixture
def organization() -> Organization:
    made = Organization("o", "mark00000000", Person("owner", "o@example.org", "owner"))
    made.instructors = [Person(f"i{n}", f"i{n}@example.org", "instructor") for n in range(3)]
    made.students = [Person(f"s{n}", f"s{n}@example.org", "student") for n in range(4)]
    return made


def test_everybody_prefers_the_same_pair_for_a_while(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    pairs = [organization.pair(random.Random(seed)) for seed in range(1_000)]  # nosec B311 # a seed must give the same choices again

    most = max(pairs.count(pair) for pair in set(pairs))

    assert most > 300  # of twelve, each would have 83
    assert len(set(pairs)) == 12


def test_the_same_seed_chooses_the_same(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    one, other = random.Random(7), random.Random(7)  # nosec B311 # a seed must give the same choices again

    assert [organization.hour(one) for _ in range(50)] == [
        organization.hour(other) for _ in range(50)
    ]


def test_people_work_with_their_own_sessions_and_administrators_with_all(
    organization: Organization,
) -> None:
    rng = random.Random(1)  # nosec B311 # a seed must give the same choices again
    instructor, student = organization.instructors[0], organization.students[0]
    session = KnownSession("x", Pair(instructor.id, student.id), is_past=False)
    organization.learn(organization.sessions, session)

    for person in (organization.owner, instructor, student):
        assert organization.some_session(rng, person) == session
    assert organization.some_session(rng, organization.students[1]) is None
    assert organization.some_session(rng, organization.owner, past=True) is None


def test_only_the_newest_is_remembered(organization: Organization) -> None:
    organization.learn(organization.others, *map(str, range(REMEMBERED + 1)))

    assert len(organization.others) == REMEMBERED
    assert "0" not in organization.others


@pytest.mark.parametrize("role", sorted(BY_ROLE))
def test_every_role_has_something_to_do(role: str) -> None:
    assert all(weight > 0 for weight, _ in BY_ROLE[role])


def test_the_four_ways_and_all_else_are_among_the_operations() -> None:
    offered = {
        operation.__name__
        for weighted in (ADMINS, INSTRUCTORS, STUDENTS)
        for _, operation in weighted
    }

    ways = {"create_student", "book", "assign", "upload"}
    assert ways | {"end", "cancel", "reschedule", "send", "sign_in_and_out"} <= offered


def test_the_pace_is_kept_by_all_together() -> None:
    pace = Pace(100.0, threading.Event())
    began = time.monotonic()

    for _ in range(11):
        assert pace.wait()

    assert time.monotonic() - began >= 0.1


def test_when_all_is_over_nobody_waits_for_a_turn() -> None:
    stop = threading.Event()
    pace = Pace(0.001, stop)
    assert pace.wait()
    stop.set()

    assert not pace.wait()
