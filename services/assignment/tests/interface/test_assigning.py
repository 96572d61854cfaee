"""Way 3, and the batch of ways 3 and 4."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound


def outcomes(answer: Any) -> list[str]:
    return [result["outcome"] for result in answer["results"]]


def test_an_assigned_pair_is_allowed_at_once(organization: Any) -> None:
    pair = organization.pair()
    answer = organization.call("assign", **pair)
    assignment = answer["assignment"]
    assert answer["created"] is True
    assert assignment["status"] == "active"
    assert assignment["source"] == "manual"
    assert assignment["assigned_by"] == str(organization.admin.user_id)
    assert assignment["ended_at"] is None
    decision = organization.call("authorize", **pair)
    assert decision == {"allowed": True, "reason": "assigned", "assignment_id": assignment["id"]}
    [event] = organization.events("assignment_created")
    assert event.data == {"assignments": [assignment]}
    assert event.subject == f"{pair['instructor_id']}:{pair['student_id']}"


@pytest.mark.parametrize("method", ["assign", "assign_many"])
def test_an_assignment_begins_after_its_pairs_last_end_whatever_the_clocks_say(
    organization: Any, method: str
) -> None:
    pair, other = organization.pair(), organization.pair()
    organization.call("assign", **pair)
    organization.call("end_assignment", **pair)
    ahead = "UPDATE assignments SET ended_at = ended_at + interval '1 minute' WHERE student_id = %s RETURNING ended_at"
    [(ended_at,)] = organization.service.sql(ahead, (pair["student_id"],))
    arguments = pair if method == "assign" else {"pairs": [other, pair]}
    organization.call(method, **arguments)
    found = [
        assignment
        for event in organization.events("assignment_created")
        for assignment in event.data["assignments"]
        if assignment["student_id"] == pair["student_id"]
    ]
    assert datetime.fromisoformat(found[-1]["assigned_at"]) == ended_at + timedelta(microseconds=1)
    assert organization.call("end_assignment", **pair)["ended"]["status"] == "ended"


def test_assigning_again_answers_the_assignment_that_is_there(organization: Any) -> None:
    pair = organization.pair()
    first = organization.call("assign", **pair)
    again = organization.call("assign", **pair)
    assert again == {"assignment": first["assignment"], "created": False}
    assert len(organization.events("assignment_created")) == 1


def test_a_repeated_operation_answers_as_the_first_time(organization: Any) -> None:
    pair, operation = organization.pair(), uuid.uuid4()
    first = organization.call("assign", operation_id=operation, **pair)
    organization.call("end_assignment", **pair)
    organization.change("user_archived", pair["student_id"], status="archived")
    assert organization.call("assign", operation_id=operation, **pair) == first
    assert organization.service.last_replayed
    with pytest.raises(Invalid, match=r"idempotency\.key_reused"):
        organization.call("assign", operation_id=operation, **organization.pair())


def test_twenty_who_assign_one_pair_at_once_make_one_assignment(organization: Any) -> None:
    pair = organization.known_pair()
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: organization.call("assign", **pair), range(20)))
    assert sorted(answer["created"] for answer in answers) == [False] * 19 + [True]
    assert len({answer["assignment"]["id"] for answer in answers}) == 1
    assert len(organization.rows(pair)) == 1
    assert len(organization.events("assignment_created")) == 1


def test_assigning_while_the_pair_is_ended_again_and_again_never_fails(organization: Any) -> None:
    pair = organization.known_pair()

    def turn(n: int) -> bool:
        if n % 2:
            return bool(organization.call("assign", **pair)["assignment"])
        try:
            return bool(organization.call("end_assignment", **pair)["ended"])
        except NotFound:
            return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(turn, range(80)))
    created, ended = (organization.events(f"assignment_{what}") for what in ("created", "ended"))
    told = [e.data["assignments"][0]["id"] for e in created]
    assert len(told) == len(set(told)) == len(organization.rows(pair))
    assert len(ended) == len(told) - sum(active for _, _, active in organization.rows(pair))


@pytest.mark.parametrize("role", ["instructor", "student"])
def test_only_administrators_assign_and_end(organization: Any, role: str) -> None:
    pair = organization.known_pair()
    person = organization.actor(role, pair[f"{role}_id"])
    for method in ("assign", "end_assignment"):
        with pytest.raises(Forbidden, match=r"assignment\.admins_only"):
            organization.call(method, person, **pair)
    for method in ("assign_many", "end_many"):
        with pytest.raises(Forbidden, match=r"assignment\.admins_only"):
            organization.call(method, person, pairs=[pair])
    assert organization.rows(pair) == []


def test_nobody_who_is_not_signed_in_is_answered(organization: Any) -> None:
    with pytest.raises(Forbidden, match=r"access\.sign_in_required"):
        organization.service.call("authorize", **organization.pair())


def test_people_whom_identity_does_not_know_cannot_be_assigned(organization: Any) -> None:
    pair = organization.known_pair()
    with pytest.raises(NotFound, match=r"assignment\.unknown_instructor"):
        organization.call("assign", **{**pair, "instructor_id": str(uuid.uuid4())})
    with pytest.raises(NotFound, match=r"assignment\.unknown_student"):
        organization.call("assign", **{**pair, "student_id": str(uuid.uuid4())})


def test_a_pair_needs_the_two_roles_and_two_people(organization: Any) -> None:
    both = organization.person("instructor", "student")
    admin, pair = organization.person("admin"), organization.pair()
    with pytest.raises(NotFound, match=r"assignment\.unknown_instructor"):
        organization.call("assign", instructor_id=admin, student_id=pair["student_id"])
    with pytest.raises(NotFound, match=r"assignment\.unknown_student"):
        organization.call("assign", instructor_id=both, student_id=pair["instructor_id"])
    with pytest.raises(Invalid, match=r"assignment\.same_person") as caught:
        organization.call("assign", instructor_id=both, student_id=both)
    assert caught.value.errors[0].pointer == "/student_id"
    assert organization.call("assign", instructor_id=both, student_id=pair["student_id"])["created"]


def test_an_archived_person_cannot_be_assigned_and_a_restored_one_can_at_once(
    organization: Any,
) -> None:
    pair = organization.known_pair()
    organization.change("user_archived", pair["student_id"], status="archived")
    with pytest.raises(Conflict, match=r"assignment\.archived_person"):
        organization.call("assign", **pair)
    # Identity has restored the student; its event is still on the way.
    organization.people[pair["student_id"]].update(status="active", version=3)
    assert organization.call("assign", **pair)["created"]
    assert organization.reason(pair) == "assigned"


def test_many_pairs_get_an_outcome_each_in_order(organization: Any) -> None:
    first, second, third = (organization.known_pair() for _ in range(3))
    archived = organization.pair()
    organization.people[archived["instructor_id"]]["status"] = "archived"
    both = organization.person("instructor", "student")
    organization.call("assign", **third)
    pairs = [
        first,
        {**first, "instructor_id": str(uuid.uuid4())},
        second,
        first,
        {**second, "student_id": str(uuid.uuid4())},
        third,
        archived,
        {"instructor_id": both, "student_id": both},
    ]
    answer = organization.call("assign_many", pairs=pairs, source="import")
    assert outcomes(answer) == [
        "assigned",
        "unknown_instructor",
        "assigned",
        "already_assigned",
        "unknown_student",
        "already_assigned",
        "archived_person",
        "same_person",
    ]
    for asked, result in zip(pairs, answer["results"], strict=True):
        assert {key: result[key] for key in asked} == asked
        assert (result["assignment"] is not None) == ("assigned" in result["outcome"])
    assert organization.rows(first)[0][1] == "import"
    assert organization.rows(third)[0][1] == "manual"
    told = organization.events("assignment_created")[-1].data["assignments"]
    assert [a["instructor_id"] for a in told] == sorted(
        [first["instructor_id"], second["instructor_id"]]
    )


def test_a_thousand_pairs_make_two_events_and_can_be_repeated(organization: Any) -> None:
    instructor = organization.person("instructor")
    students = [organization.person("student") for _ in range(1000)]
    pairs = [{"instructor_id": instructor, "student_id": student} for student in students]
    answer = organization.call("assign_many", pairs=pairs)
    assert outcomes(answer) == ["assigned"] * 1000
    assert [r["student_id"] for r in answer["results"]] == students
    sizes = [len(e.data["assignments"]) for e in organization.events("assignment_created")]
    assert sizes == [500, 500]
    assert outcomes(organization.call("assign_many", pairs=pairs)) == ["already_assigned"] * 1000
    decisions = organization.call("authorize_many", pairs=pairs)["results"]
    assert all(decision["allowed"] for decision in decisions)
    assert outcomes(organization.call("end_many", pairs=pairs)) == ["ended"] * 1000
    sizes = [len(e.data["assignments"]) for e in organization.events("assignment_ended")]
    assert sizes == [500, 500]
    assert outcomes(organization.call("end_many", pairs=pairs)) == ["not_assigned"] * 1000


def test_bulk_calls_over_the_same_pairs_in_other_orders_never_fail(organization: Any) -> None:
    pairs = [organization.pair() for _ in range(60)]
    organization.call("assign_many", pairs=pairs)

    def turn(n: int) -> int:
        ordered = pairs if n % 3 else pairs[::-1]
        method = "assign_many" if n % 2 else "end_many"
        return len(organization.call(method, pairs=ordered, seconds=20)["results"])

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(turn, range(40))) == {60}
    ids = [
        a["id"] for e in organization.events("assignment_created") for a in e.data["assignments"]
    ]
    assert len(ids) == len(set(ids))


def test_ending_says_when_and_by_whom_and_keeps_the_history(organization: Any) -> None:
    pair = organization.pair()
    assigned = organization.call("assign", **pair)["assignment"]
    ended = organization.call("end_assignment", future_sessions="cancel", **pair)["ended"]
    assert (ended["id"], ended["status"]) == (assigned["id"], "ended")
    assert ended["ended_by"] == str(organization.admin.user_id)
    assert ended["ended_at"] > assigned["assigned_at"]
    [event] = organization.events("assignment_ended")
    assert event.data == {"assignments": [ended], "future_sessions": "cancel"}
    assert organization.reason(pair) == "ended"
    again = organization.call("assign", **pair)["assignment"]
    assert again["id"] != assigned["id"]
    assert [active for _, _, active in organization.rows(pair)] == [False, True]


def test_what_is_not_assigned_cannot_be_ended(organization: Any) -> None:
    with pytest.raises(NotFound, match=r"assignment\.not_assigned"):
        organization.call("end_assignment", **organization.known_pair())


def test_bad_arguments_are_refused_with_their_fields(organization: Any) -> None:
    with pytest.raises(Invalid) as caught:
        organization.call("assign_many", pairs=[{"instructor_id": "\x00"}], source="booking")
    pointers = {error.pointer for error in caught.value.errors}
    assert pointers == {"/pairs/0/instructor_id", "/pairs/0/student_id", "/source"}
