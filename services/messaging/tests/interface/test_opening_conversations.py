import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chassis.context import Actor
from chassis.errors import Forbidden, Invalid, Unavailable
from chassis.testing import ServiceProcess, actor


def open_with(
    service: ServiceProcess,
    who: Actor | None,
    participant_id: uuid.UUID,
    operation_id: uuid.UUID | None = None,
) -> dict[str, Any]:
    return service.call(
        "open_conversation",
        actor=who,
        operation_id=operation_id or uuid.uuid4(),
        participant_id=participant_id,
    )


def test_an_instructor_opens_a_conversation_with_an_assigned_student(service, pair):
    opened = open_with(service, pair.instructor, pair.student.user_id)
    conversation = opened["conversation"]
    assert opened["created"] is True
    assert conversation == {
        "id": conversation["id"],
        "instructor_id": str(pair.instructor.user_id),
        "student_id": str(pair.student.user_id),
        "status": "open",
        "unread_count": 0,
        "last_message": None,
    }


def test_the_student_who_opens_it_too_gets_the_same_conversation(service, pair):
    first = open_with(service, pair.instructor, pair.student.user_id)
    second = open_with(service, pair.student, pair.instructor.user_id)
    assert second["created"] is False
    assert second["conversation"]["id"] == first["conversation"]["id"]


def test_opening_at_the_same_moment_makes_one_conversation(service, pair):
    def opening(number: int) -> dict[str, Any]:
        who, other = (
            (pair.instructor, pair.student) if number % 2 else (pair.student, pair.instructor)
        )
        return open_with(service, who, other.user_id)

    with ThreadPoolExecutor(12) as threads:
        opened = list(threads.map(opening, range(12)))
    assert len({answer["conversation"]["id"] for answer in opened}) == 1
    assert [answer["created"] for answer in opened].count(True) == 1


def test_someone_with_both_roles_is_the_instructor_where_that_is_assigned(service, assignment):
    both = actor("instructor", "student")
    other = actor("instructor", "student", organization_id=both.organization_id)
    assignment.assign(both, other)
    assignment.assign(other, both)
    conversation = open_with(service, both, other.user_id)["conversation"]
    assert conversation["instructor_id"] == str(both.user_id)


def test_someone_with_both_roles_is_the_student_where_only_that_is_assigned(service, assignment):
    both = actor("instructor", "student")
    other = actor("instructor", organization_id=both.organization_id)
    assignment.assign(other, both)
    conversation = open_with(service, both, other.user_id)["conversation"]
    assert conversation["student_id"] == str(both.user_id)


def test_a_student_is_not_tried_as_an_instructor(service, assignment):
    student = actor("student")
    other = actor("student", organization_id=student.organization_id)
    assignment.assign(student, other)
    with pytest.raises(Forbidden, match=r"assignment.pair_not_assigned"):
        open_with(service, student, other.user_id)


def test_who_is_not_assigned_unknown_or_oneself_is_refused_in_the_same_words(service, pair):
    stranger = pair.anybody("student")
    refusals = []
    for participant_id in (stranger.user_id, uuid.uuid4(), pair.instructor.user_id):
        with pytest.raises(Forbidden) as refused:
            open_with(service, pair.instructor, participant_id)
        refusals.append(refused.value.to_wire())
    assert refusals[0]["code"] == "assignment.pair_not_assigned"
    assert refusals[0] == refusals[1] == refusals[2]


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_an_administrator_takes_part_in_no_conversation(service, pair, role):
    with pytest.raises(Forbidden, match=r"messaging.not_a_participant"):
        open_with(service, pair.anybody(role), pair.student.user_id)


def test_an_administrator_who_also_teaches_does(service, assignment):
    teaching = actor("admin", "instructor")
    student = actor("student", organization_id=teaching.organization_id)
    assignment.assign(teaching, student)
    assert open_with(service, teaching, student.user_id)["created"] is True


def test_nobody_opens_a_conversation_without_signing_in(service, pair):
    with pytest.raises(Forbidden, match=r"access.sign_in_required"):
        open_with(service, None, pair.student.user_id)


def test_a_repeated_call_answers_the_first_answer_also_after_the_assignment_ended(service, pair):
    operation_id = uuid.uuid4()
    first = open_with(service, pair.instructor, pair.student.user_id, operation_id)
    pair.assignment.end(pair.instructor, pair.student)
    assert open_with(service, pair.instructor, pair.student.user_id, operation_id) == first
    assert service.last_replayed


def test_an_operation_id_is_good_for_one_request(service, pair):
    operation_id = uuid.uuid4()
    open_with(service, pair.instructor, pair.student.user_id, operation_id)
    other = pair.anybody("student")
    pair.assignment.assign(pair.instructor, other)
    with pytest.raises(Invalid, match=r"idempotency.key_reused"):
        open_with(service, pair.instructor, other.user_id, operation_id)


def test_no_conversation_is_made_while_assignment_does_not_answer(service, pair):
    with pair.assignment.silent(), pytest.raises(Unavailable):
        open_with(service, pair.instructor, pair.student.user_id)
    statement = "SELECT count(*) FROM conversations WHERE instructor_id = %s"
    assert service.sql(statement, (str(pair.instructor.user_id),)) == [(0,)]


def test_the_same_two_ids_in_another_organization_are_another_conversation(service, pair):
    first = open_with(service, pair.instructor, pair.student.user_id)
    twin = actor("instructor", user_id=pair.instructor.user_id)
    second = open_with(service, twin, pair.student.user_id)
    assert second["created"] is True
    assert second["conversation"]["id"] != first["conversation"]["id"]


@pytest.mark.parametrize("participant_id", [None, 5, "", "nobody", [], {}, "\x00", "a" * 100_000])
def test_a_participant_that_is_no_id_is_named(service, pair, participant_id):
    with pytest.raises(Invalid) as refused:
        open_with(service, pair.instructor, participant_id)
    assert [error.pointer for error in refused.value.errors] == ["/participant_id"]


def test_unknown_and_missing_arguments_are_named(service, pair):
    with pytest.raises(Invalid) as refused:
        service.call("open_conversation", actor=pair.instructor, role="admin")
    assert {error.pointer for error in refused.value.errors} == {"/participant_id", "/role"}
