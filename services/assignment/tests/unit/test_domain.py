"""The rules, without a server."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignment_service.domain import (
    Obstacle,
    Pair,
    PairState,
    Participant,
    decide,
    in_chunks,
    newest_of_each,
    outcome_of_refusal,
)

ASSIGNMENT = uuid.UUID(int=7)
GOOD = PairState(ASSIGNMENT, False, True, False, True, False)

states = st.builds(
    PairState,
    assignment_id=st.none() | st.just(ASSIGNMENT),
    was_assigned=st.booleans(),
    instructor_fits=st.none() | st.booleans(),
    instructor_archived=st.none() | st.booleans(),
    student_fits=st.none() | st.booleans(),
    student_archived=st.none() | st.booleans(),
)


def test_an_assigned_pair_of_active_people_is_allowed() -> None:
    decision = decide(GOOD)
    assert decision.allowed
    assert (decision.reason, decision.assignment_id) == ("assigned", ASSIGNMENT)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"assignment_id": None}, "never_assigned"),
        ({"assignment_id": None, "was_assigned": True}, "ended"),
        ({"instructor_archived": True}, "instructor_archived"),
        ({"student_archived": True}, "student_archived"),
        ({"instructor_fits": False}, "unknown_instructor"),
        ({"student_fits": False}, "unknown_student"),
        ({"instructor_fits": None, "instructor_archived": None}, "unknown_instructor"),
        ({"student_fits": None, "student_archived": None}, "unknown_student"),
    ],
)
def test_anything_missing_refuses_with_its_reason(change: dict[str, object], reason: str) -> None:
    decision = decide(GOOD._replace(**change))
    assert not decision.allowed
    assert decision.reason == reason


@given(states)
def test_nothing_but_the_one_good_state_is_allowed(state: PairState) -> None:
    is_good = (
        state.assignment_id is not None
        and bool(state.instructor_fits)
        and not state.instructor_archived
        and bool(state.student_fits)
        and not state.student_archived
    )
    assert decide(state).allowed is is_good


def test_archived_people_share_an_outcome_and_unknown_ones_are_told_apart() -> None:
    assert {o: outcome_of_refusal(o) for o in Obstacle} == {
        Obstacle.UNKNOWN_INSTRUCTOR: "unknown_instructor",
        Obstacle.UNKNOWN_STUDENT: "unknown_student",
        Obstacle.INSTRUCTOR_ARCHIVED: "archived_person",
        Obstacle.STUDENT_ARCHIVED: "archived_person",
    }


people = st.builds(
    Participant,
    id=st.sampled_from([uuid.UUID(int=n) for n in range(4)]),
    is_instructor=st.booleans(),
    is_student=st.booleans(),
    is_archived=st.booleans(),
    version=st.integers(0, 5),
)


@given(st.lists(people))
def test_of_several_states_of_a_person_the_newest_is_kept(known: list[Participant]) -> None:
    kept = newest_of_each(known)
    assert [p.id for p in kept] == sorted({p.id for p in known})
    for person in kept:
        assert person.version == max(p.version for p in known if p.id == person.id)


@given(st.lists(st.integers()), st.integers(1, 5))
def test_chunks_hold_everything_in_order_and_none_is_too_large(items: list[int], size: int) -> None:
    chunks = list(in_chunks(items, size))
    assert [item for chunk in chunks for item in chunk] == items
    assert all(1 <= len(chunk) <= size for chunk in chunks)


@given(st.lists(st.tuples(st.uuids(), st.uuids())))
def test_pairs_sort_as_their_bytes_do_which_is_how_postgresql_sorts_uuids(
    ids: list[tuple[uuid.UUID, uuid.UUID]],
) -> None:
    pairs = [Pair(*both) for both in ids]
    assert sorted(pairs) == sorted(pairs, key=lambda p: (p.instructor_id.bytes, p.student_id.bytes))
